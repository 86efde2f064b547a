"""Decoder children: killed when they hang, limited in memory, alone in their deaths."""

import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from classifier.intake import Decoder, IntakeRefused, Limits
from classifier.intake.confinement import Answer, NamedJob
from tests.classifier.intake.cases import encode, picture
from tests.classifier.intake.doors import canonicalise

ROOT = Path(__file__).resolve().parents[3]


def echo(level: int) -> np.ndarray:
    return np.full((2, 3), level, np.uint8)


def own_pid(_: object) -> np.ndarray:
    return np.frombuffer(os.getpid().to_bytes(8), np.uint8)


def sleep(seconds: float) -> np.ndarray:
    time.sleep(seconds)
    return echo(0)


def stopped(_: object) -> np.ndarray:
    """Stands for a job that the machine gives no time to."""
    os.kill(os.getpid(), signal.SIGSTOP)
    return echo(0)


def burn(_: object) -> np.ndarray:
    while True:
        sum(range(1000))


def burn_unasked(_: object) -> np.ndarray:
    """Stands for a decoder whose asking process has died: only the system can stop it."""
    resource.setrlimit(resource.RLIMIT_CPU, (1, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    return burn(None)


def eat(size: int) -> np.ndarray:
    return np.ones(size, np.uint8)


def crash(_: object) -> np.ndarray:
    os.kill(os.getpid(), signal.SIGSEGV)
    return echo(0)


def fail(_: object) -> np.ndarray:
    raise RuntimeError("a fault of ours")


def quote(name: str) -> np.ndarray:
    raise ValueError(f"could not convert string to float: {name}")


def open_file(path: str) -> np.ndarray:
    Path(path).write_bytes(b"written")
    return echo(0)


def answer_floats(_: object) -> np.ndarray:
    return np.zeros((2, 2))


def modules(_: object) -> np.ndarray:
    return np.array(
        [sum(name.split(".")[0] in ("django", "psycopg2", "keras") for name in sys.modules)], np.uint8
    )


def process_id(decoder: Decoder) -> int:
    return int.from_bytes(decoder.run(own_pid, None, at_most=8).pixels.tobytes())


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int, within: float = 10) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not is_running(pid):
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def single():
    """A decoder with one child."""
    with Decoder(workers=1, seconds=30, memory_bytes=256 * 2**20) as decoder:
        yield decoder


def refusal(decoder: Decoder, job, argument: object = None) -> IntakeRefused:
    with pytest.raises(IntakeRefused) as refused:
        decoder.run(job, argument, at_most=2**30)
    return refused.value


def test_the_child_stays_warm(single: Decoder) -> None:
    assert single.run(echo, 7, at_most=100).pixels.tolist() == [[7] * 3] * 2
    assert process_id(single) == process_id(single) != os.getpid()


def test_children_inherit_no_django_and_no_database(single: Decoder) -> None:
    assert single.run(modules, None, at_most=10).pixels.tolist() == [0]


def test_a_hung_child_is_killed_and_the_next_job_runs() -> None:
    with Decoder(workers=1, seconds=2) as decoder:
        pid = process_id(decoder)
        began = time.monotonic()
        refused = refusal(decoder, sleep, 60)
        assert time.monotonic() - began < 20
        assert (refused.code, refused.status) == ("too_slow", 422)
        assert "longer than 2 seconds" in refused.sentence
        assert gone(pid)
        assert decoder.run(echo, 1, at_most=100).pixels.tolist() == [[1] * 3] * 2


def test_a_job_that_got_no_processor_is_no_fault_of_its_image() -> None:
    with Decoder(workers=1, seconds=2) as decoder:
        pid = process_id(decoder)
        refused = refusal(decoder, stopped)
        assert (refused.code, refused.status) == ("decoder_busy", 503)
        assert gone(pid)
        assert decoder.run(echo, 1, at_most=100).pixels.tolist() == [[1] * 3] * 2


def test_processor_time_is_limited_by_the_system_too() -> None:
    with Decoder(workers=1, seconds=30) as decoder:
        began = time.monotonic()
        assert refusal(decoder, burn_unasked).code == "too_slow"
        assert time.monotonic() - began < 25


def test_memory_is_limited(single: Decoder) -> None:
    refused = refusal(single, eat, 2**30)
    assert (refused.code, refused.status) == ("too_much_memory", 422)
    assert single.run(eat, 2**20, at_most=2**20).pixels.sum() == 2**20


@pytest.mark.parametrize("job", [crash, fail, answer_floats])
def test_a_poison_kills_its_child_alone(single: Decoder, job) -> None:
    pid = process_id(single)
    refused = refusal(single, job)
    assert (refused.code, refused.status) == ("decoder_failed", 422)
    assert gone(pid)
    assert process_id(single) != pid


def test_what_only_children_need_loads_in_them_alone() -> None:
    """A web process that reads DICOM itself would be one that crafted bytes can take over."""
    theirs = "'pydicom', 'gdcm', 'openjpeg', 'jpeg_ls', 'onnxruntime', 'rapidocr'"
    script = f"import sys, classifier.intake; assert not {{{theirs}}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_a_fault_quotes_nothing() -> None:
    script = """
        from classifier.intake import Decoder
        from tests.classifier.intake.test_decoder import quote, refusal

        if __name__ == "__main__":
            with Decoder(workers=1) as decoder:
                assert refusal(decoder, quote, "Wilhelmine^Musterfrau").code == "decoder_failed"
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "ValueError" in done.stderr
    assert "test_decoder.py" in done.stderr
    assert "Wilhelmine" not in done.stderr + done.stdout


def with_facts(_: object) -> Answer:
    return Answer(echo(3), {"boxes": [[1, 2, 3, 4]]})


def too_many_facts(_: object) -> Answer:
    return Answer(echo(3), {"words": "x" * 2**20})


def test_facts_come_with_the_pixels(single: Decoder) -> None:
    answer = single.run(NamedJob(__name__, "with_facts"), None, at_most=6)
    assert (answer.pixels.tolist(), answer.facts) == ([[3] * 3] * 2, {"boxes": [[1, 2, 3, 4]]})
    assert single.run(echo, 3, at_most=6).facts == {}
    assert refusal(single, too_many_facts).code == "decoder_failed"


def test_a_child_killed_while_idle_costs_no_upload(single: Decoder) -> None:
    pid = process_id(single)
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    assert process_id(single) != pid


def test_a_child_writes_no_files(single: Decoder, tmp_path: Path) -> None:
    assert refusal(single, open_file, str(tmp_path / "x")).code == "decoder_failed"
    assert not any(path.stat().st_size for path in tmp_path.iterdir())


def test_an_answer_longer_than_expected_is_not_read(single: Decoder) -> None:
    with pytest.raises(IntakeRefused) as refused:
        single.run(eat, 1000, at_most=999)
    assert refused.value.code == "decoder_failed"


def test_no_free_child_in_time_is_busy(single: Decoder) -> None:
    single.warm()
    thread = threading.Thread(target=single.run, args=(sleep, 3), kwargs={"at_most": 10})
    thread.start()
    while single._queue.qsize():
        time.sleep(0.01)
    single._seconds = 0.1
    refused = refusal(single, echo, 1)
    thread.join()
    assert (refused.code, refused.status) == ("decoder_busy", 503)
    assert single.run(echo, 2, at_most=10).pixels[0, 0] == 2


def test_where_no_child_can_be_started_it_is_down_and_not_busy(tmp_path: Path) -> None:
    """As where a file of the detector of writing is missing, which the fork server reads."""
    (tmp_path / "broken.py").write_text("raise RuntimeError('A file is missing.')")
    script = textwrap.dedent("""
        from classifier.intake import IntakeRefused, decoder

        decoder._CONTEXT.set_forkserver_preload(["broken"])
        with decoder.Decoder(workers=1, seconds=1) as single:
            for _ in range(2):
                try:
                    single.run(len, "", at_most=1)
                except IntakeRefused as refused:
                    print(refused.code, refused.status)
    """)
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert said.stdout.splitlines() == ["decoder_down 503"] * 2
    assert "A file is missing." in said.stderr


def test_many_threads_and_a_poison_between(limits: Limits) -> None:
    pictures = [picture(seed) for seed in range(24)]
    with Decoder(workers=2, seconds=20) as decoder:

        def upload(index: int) -> bool:
            if index % 6 == 0:
                return refusal(decoder, crash).code == "decoder_failed"
            image = canonicalise(encode(pictures[index]), None, limits, decoder)
            return np.array_equal(image.pixels, pictures[index])

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(upload, range(24)))
        assert decoder._queue.qsize() == 2


def test_a_forked_process_does_not_listen_in(single: Decoder) -> None:
    mine = process_id(single)
    read, write = os.pipe()
    if (fork := os.fork()) == 0:
        try:
            single.run(echo, 1, at_most=10)
        except RuntimeError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert "belongs to the process that first used it" in pipe.read()
    os.waitpid(fork, 0)
    assert process_id(single) == mine


def test_close_ends_the_children() -> None:
    decoder = Decoder(workers=1)
    pid = process_id(decoder)
    decoder.close()
    assert gone(pid)
    with decoder:
        assert process_id(decoder) != pid


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_children_die_with_a_killed_parent(busy: bool) -> None:
    script = """
        import sys, threading, time
        from classifier.intake import Decoder
        from tests.classifier.intake.test_decoder import process_id, sleep

        if __name__ == "__main__":
            decoder = Decoder(workers=1, seconds=2)
            print(process_id(decoder), flush=True)
            if {busy}:
                decoder._seconds = 60
                threading.Thread(target=decoder.run, args=(sleep, 60), kwargs=dict(at_most=9)).start()
                time.sleep(0.3)
            print("ready", flush=True)
            time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(script).format(busy=busy)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert parent.stdout.readline() == "ready\n"
        assert is_running(pid)
        fork_server = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        assert fork_server != parent.pid
        parent.kill()
    assert gone(pid)
    assert gone(fork_server)
