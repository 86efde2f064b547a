"""Processes under supervision: ended in order, restarted after a pause, given up on at last."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mriplatform.launch import supervisor as module
from mriplatform.launch.server import wait_until
from mriplatform.launch.supervisor import GivenUp, Supervisor, Worker

ROOT = Path(__file__).resolve().parents[3]


def worker(folder: Path, name: str, code: str, **options: object) -> Worker:
    command = [sys.executable, "-I", "-S", "-c", textwrap.dedent(code)]
    return Worker(name, command, dict(os.environ), folder, folder / f"{name}.log", **options)


def test_they_stop_in_the_opposite_order(tmp_path: Path) -> None:
    code = """
        import signal, time
        def end(*_):
            open("ends", "a").write(NAME + " ")
            raise SystemExit
        signal.signal(signal.SIGTERM, end)
        print("up", flush=True)
        time.sleep(60)
    """
    supervisor = Supervisor(print)
    for name in ("first", "second", "third"):
        supervisor.start(worker(tmp_path, name, code.replace("NAME", repr(name))))
    assert wait_until(lambda: all("up" in log.read_text() for log in tmp_path.glob("*.log")), 10)
    supervisor.stop()
    assert (tmp_path / "ends").read_text().split() == ["third", "second", "first"]


def test_one_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    stubborn = worker(
        tmp_path,
        "stubborn",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
        patience=0.2,
    )
    stubborn.start()
    assert wait_until(lambda: "up" in stubborn.log.read_text(), 10)
    stubborn.stop()
    assert stubborn.wait() == -signal.SIGKILL


def test_a_death_is_said_and_mended_after_a_pause(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(said.append)
    mortal = worker(tmp_path, "mortal", "print('born', flush=True)")
    supervisor.start(mortal)
    assert mortal.wait() == 0
    supervisor.look()
    assert "mortal ended by itself" in said[0]
    supervisor.look()
    assert mortal.log.read_text().count("born") == 1

    def look() -> bool:
        supervisor.look()
        return mortal.log.read_text().count("born") == 2

    assert wait_until(look, 5)


def test_one_that_dies_again_and_again_is_given_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.0)
    supervisor = Supervisor(lambda line: None)
    doomed = worker(tmp_path, "doomed", "print('born', flush=True); raise SystemExit(1)")
    supervisor.start(doomed)
    monkeypatch.setattr(module, "WATCH_SECONDS", 0.01)
    with pytest.raises(GivenUp, match=r"doomed died .* Its log is"):
        supervisor.watch()
    assert doomed.log.read_text().count("born") == 1 + module.RESTARTS


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Only Linux ends a process with its parent.")
def test_a_worker_dies_with_a_killed_parent(tmp_path: Path) -> None:
    code = f"""
        import os, sys, time
        sys.path.insert(0, {str(ROOT)!r})
        from pathlib import Path
        from mriplatform.launch.supervisor import Worker
        here = Path({str(tmp_path)!r})
        sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
        child = Worker("child", sleep, os.environ, here, here / "child.log")
        child.start()
        print(child._process.pid, flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    child = Path("/proc") / parent.stdout.readline().strip() / "stat"
    assert child.exists()
    parent.kill()
    parent.wait()
    assert wait_until(lambda: not child.exists() or " Z " in child.read_text(), 5)
