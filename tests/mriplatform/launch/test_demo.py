"""The demo as a person starts it: up, refused twice, killed, up again with its data, ended by Ctrl-C."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import psycopg2
import pytest

from mriplatform.launch.demo import DemoError, _keys, _web_socket, static_digest
from mriplatform.launch.server import wait_until
from tests.conftest import Servers

ROOT = Path(__file__).resolve().parents[3]


def clean_environment(**more: str) -> dict[str, str]:
    return {"HOME": os.environ["HOME"], "PATH": os.defpath, **more}


class RunningDemo:
    """`./dev demo` in a process of its own."""

    def __init__(self, data: Path, **environment: str) -> None:
        command = [sys.executable, "-m", "mriplatform.launch.demo", "--data", str(data)]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=clean_environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []

    def until(self, word: str) -> str:
        """The first line with that word; everything said until then is kept."""
        for line in self.process.stdout:
            self.said.append(line)
            if word in line:
                return line
        pytest.fail(f"It ended without saying {word!r}:\n" + "".join(self.said))

    def accounts(self) -> list[str]:
        return [line for line in self.said if "Radiologist" in line or "Administrator" in line]

    def descendants(self) -> dict[int, str]:
        """The command line of every process below it, by process number."""
        parents, found = {}, {self.process.pid: ""}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                status = (folder / "stat").read_text().rpartition(")")[2].split()
                parents[int(folder.name)] = (
                    int(status[1]),
                    (folder / "cmdline").read_text().replace("\0", " "),
                )
            except FileNotFoundError:
                continue
        while more := {
            n: line for n, (parent, line) in parents.items() if parent in found and n not in found
        }:
            found |= more
        del found[self.process.pid]
        return found


def alive(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Only Linux ends a process with its parent.")
def test_demo_survives_what_people_do_to_it(tmp_path: Path) -> None:
    demo = RunningDemo(tmp_path)
    try:
        address = demo.until("Ready in").split()[4]
        with urlopen(f"{address}healthz", timeout=10) as answer:
            assert json.load(answer) == {"status": "ok"}
        accounts = demo.accounts()
        assert len(accounts) == 3

        second = RunningDemo(tmp_path)
        second.until("Another demo already runs")
        assert second.process.wait() == 1

        below = demo.descendants()
        worker = next(number for number, command in below.items() if "inference@" in command)
        os.kill(worker, signal.SIGKILL)
        demo.until("inference ended by itself")
        assert wait_until(lambda: sum("inference@" in line for line in demo.descendants().values()) == 1, 20)

        below = demo.descendants()
        kept = {"postgres", "valkey", "gunicorn", "beat", "doors@"}
        assert kept == {word for word in kept if any(word in line for line in below.values())}
        demo.process.kill()
        demo.process.wait()
        assert wait_until(lambda: not any(alive(number) for number in below), 10)

        again = demo = RunningDemo(tmp_path)
        again.until("Ready in")
        assert again.accounts() == accounts
        below = again.descendants()
        again.process.send_signal(signal.SIGINT)
        assert again.process.wait(60) == 0
        assert not any(alive(number) for number in below)
        assert not (tmp_path / "demo.env").exists()
    finally:
        demo.process.kill()
        demo.process.wait()


@pytest.fixture
def strangers_database(servers: Servers) -> Iterator[str]:
    """A database with a table of somebody else's."""
    name = f"strangers_{secrets.token_hex(4)}"
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name}")
        address = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
        with closing(psycopg2.connect(address)) as theirs, theirs, theirs.cursor() as cursor:
            cursor.execute("CREATE TABLE patients (name text)")
        yield address
        connection.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_demo_refuses_a_database_that_is_not_its_own(tmp_path: Path, strangers_database: str) -> None:
    demo = RunningDemo(tmp_path, DATABASE_URL=strangers_database)
    refusal = demo.until("is not empty")
    assert "Nothing was changed" in refusal
    assert demo.process.wait() == 1
    assert not (tmp_path / "postgres").exists()


def test_keys_are_made_once_and_kept_from_others(tmp_path: Path) -> None:
    keys = _keys(tmp_path / "var" / "demo-keys.json")
    assert len(set(keys.values())) == 3
    assert _keys(tmp_path / "var" / "demo-keys.json") == keys
    assert (tmp_path / "var" / "demo-keys.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700


def test_a_port_in_use_is_passed_over_or_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(DemoError, match="No port is free"):
            _web_socket(taken.getsockname()[1])


def test_static_files_are_collected_anew_when_one_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mriplatform.launch.demo.ROOT", tmp_path)
    (tmp_path / "requirements.lock").write_text("django==1\n")
    (tmp_path / "app" / "static").mkdir(parents=True)
    before = static_digest()
    (tmp_path / "app" / "static" / "style.css").write_text("a {}")
    assert before != static_digest() == static_digest()
