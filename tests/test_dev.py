"""The launcher: which Python it takes, what it asks of the lock, what it hands on."""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def dev() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("dev_launcher", str(ROOT / "dev"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


@pytest.fixture
def machine(dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty PATH, an empty home and no other Python."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    monkeypatch.setattr(dev.sys, "executable", str(tmp_path / "absent"))
    return tmp_path


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_python_on_the_path_is_taken(dev: ModuleType, machine: Path) -> None:
    wanted = program(machine / "bin" / "python3.13", "echo 3 13")
    assert dev.find_python() == str(wanted)


def test_a_shim_that_does_not_run_is_passed_over_for_pyenv_s_own(dev: ModuleType, machine: Path) -> None:
    program(machine / "bin" / "python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    wanted = program(machine / ".pyenv" / "versions" / "3.12.1" / "bin" / "python3.12", "echo 3 12")
    assert dev.find_python() == str(wanted)


def test_a_later_folder_of_the_path_is_looked_at_when_an_earlier_one_fails(
    dev: ModuleType, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(machine / "bin" / "python3.12", "exit 1")
    wanted = program(machine / "other" / "python3.12", "echo 3 12")
    monkeypatch.setenv("PATH", f"{machine / 'bin'}{os.pathsep}{machine / 'other'}")
    assert dev.find_python() == str(wanted)


def test_a_python_too_old_under_a_new_name_is_refused_with_a_sentence(dev: ModuleType, machine: Path) -> None:
    program(machine / "bin" / "python3.12", "echo 3 11")
    with pytest.raises(SystemExit, match=r"No Python 3\.12 or newer was found"):
        dev.find_python()


def test_the_running_python_is_the_last_resort(
    dev: ModuleType, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = program(machine / "elsewhere" / "python3", "echo 3 12")
    monkeypatch.setattr(dev.sys, "executable", str(wanted))
    assert dev.find_python() == str(wanted)


def test_the_lock_pins_uv_with_hashes_and_names_no_index(dev: ModuleType, tmp_path: Path) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "uv==" in lock
    assert "--index-url" not in lock
    assert "://" not in lock


def test_install_hands_pip_the_whole_entry_of_uv(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []

    def record(command: list[str], **options: object) -> None:
        requirement = command[command.index("-r") + 1]
        ran.append((command, Path(requirement).read_text() if "pip" in command[:3] else requirement))

    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "urllib3==1 \\\n    --hash=sha256:00\nuv==9.9 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nvine==1\n"
    )
    monkeypatch.setattr(dev, "LOCK", lock)
    monkeypatch.setattr(dev, "BIN", tmp_path / "bin")
    monkeypatch.setattr(dev.subprocess, "run", record)
    dev.install()
    assert ran[0][1] == "uv==9.9 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb"
    assert all("--require-hashes" in command for command, _ in ran)


@pytest.fixture
def processors(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the machine one of so many processors and so much memory."""

    def _processors(number: int, gigabytes: int = 64) -> None:
        monkeypatch.setattr(dev.os, "sched_getaffinity", lambda process: set(range(number)), raising=False)
        pages = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": gigabytes * 1024**3 // 4096}
        monkeypatch.setattr(dev.os, "sysconf", pages.__getitem__)

    return _processors


@pytest.mark.parametrize(
    ("number", "gigabytes", "processes"), [(1, 64, 0), (2, 24, 2), (16, 64, 4), (8, 8, 2), (2, 4, 0)]
)
def test_the_suite_is_shared_out_among_processors_as_far_as_memory_goes(
    dev: ModuleType, processors: Callable[..., None], number: int, gigabytes: int, processes: int
) -> None:
    processors(number, gigabytes)
    expected = ["-n", str(processes), "--dist", "worksteal"] if processes else []
    assert dev.spread([]) == dev.spread(["-x", "-k", "blinding and not figures"]) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        ["tests/test_dev.py"],
        ["-x", "tests/test_dev.py::test_an_unknown_command_shows_the_usage"],
        ["-s"],
        ["--pdb"],
        ["-n2"],
        ["--collect-only"],
    ],
)
def test_what_names_files_or_needs_one_process_runs_in_one(
    dev: ModuleType, processors: Callable[..., None], arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    processors(8)
    assert dev.spread(arguments) == []


def test_run_forwards_arguments_and_exit_status() -> None:
    command = [sys.executable, str(ROOT / "dev"), "run", "sh", "-c", 'echo "$1"; exit 3', "-", "a b"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.stdout, answer.returncode) == ("a b\n", 3)


def test_run_says_what_it_cannot_find() -> None:
    answer = subprocess.run(
        [sys.executable, str(ROOT / "dev"), "run", "no-such"], capture_output=True, text=True
    )
    assert answer.returncode == 1
    assert "no command 'no-such'" in answer.stderr


def test_an_unknown_command_shows_the_usage() -> None:
    answer = subprocess.run([sys.executable, str(ROOT / "dev"), "dmeo"], capture_output=True, text=True)
    assert answer.returncode == 2
    assert "./dev demo" in answer.stdout
