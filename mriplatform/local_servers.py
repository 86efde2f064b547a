"""PostgreSQL and Valkey on this machine, as children of this process, for the demo and the tests.

Both listen on 127.0.0.1 only, on a free port, and ask for a password. Neither outlives this process, even
when it is killed. Where this process is root they run as an unprivileged user; as that user may be unable to
reach their folders (a clone under /root), they get their data as the working directory, which needs no path.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg2
import redis
from psycopg2 import sql
from redis.backoff import NoBackoff
from redis.retry import Retry

from mriplatform.launch.process import start_tethered
from mriplatform.launch.programs import ServerError, find_postgres, find_valkey, for_user
from mriplatform.launch.server import SERVER_ENVIRONMENT, LocalServer, give, own_folder

DATABASE = "mri"
SUPERUSER, OWNER_ROLE, RUNTIME_ROLE = "postgres", "mri_owner", "mri_app"


class LocalPostgres(LocalServer):
    """A PostgreSQL cluster: one database, the role that owns it and the role that the platform runs as."""

    name = "PostgreSQL"
    death_signal = signal.SIGINT
    stop_signals = (signal.SIGINT, signal.SIGQUIT)

    @property
    def owner_url(self) -> str:
        """For migrations, and for tests, which empty tables."""
        return self.url(OWNER_ROLE)

    @property
    def runtime_url(self) -> str:
        """For the running platform: it creates and truncates nothing; migrations grant it what it may do."""
        return self.url(RUNTIME_ROLE)

    def url(self, role: str, database: str = DATABASE) -> str:
        return f"postgres://{role}:{self.password(role)}@127.0.0.1:{self.port}/{database}"

    def _prepare(self, user_id: int | None) -> None:
        if (self.folder / "PG_VERSION").is_file():
            _forget_recycled_process(self.folder / "postmaster.pid")
            return
        unfinished = self.folder.with_suffix(".new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        _create_cluster(unfinished, user_id, self.password(SUPERUSER))
        unfinished.replace(self.folder)

    def _spawn(self, user_id: int | None, log: int, lock: int) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
            # A test has a hundred clients act at once, each with a connection of its own.
            settings["max_connections"] = "200"
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        program = str(for_user(find_postgres(), user_id))
        return self._run([program, "-D", own_folder(self.folder, user_id), *options], user_id, log, lock)

    def _ping(self) -> bool:
        try:
            psycopg2.connect(self.url(SUPERUSER, "postgres"), connect_timeout=5).close()
        except psycopg2.OperationalError as error:
            if "password authentication failed" in str(error):
                self.stop()
                raise ServerError(
                    f"{self.folder} was made with another secret than the one kept beside it. Put that "
                    "secret back, or remove the folder, and the data with it, to start anew."
                ) from error
            return False
        return True

    def _finish(self) -> None:
        """Make the roles and the database, where they are not there yet."""
        with closing(psycopg2.connect(self.url(SUPERUSER, "postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for role in (OWNER_ROLE, RUNTIME_ROLE):
                    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
                    cursor.execute(self._role_statement("ALTER" if cursor.fetchone() else "CREATE", role))
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                if not cursor.fetchone():
                    names = sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE)
                    cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))

    def _role_statement(self, verb: str, role: str) -> sql.Composed:
        # The tests' owner makes databases of its own; the demo's does not.
        creates = "CREATEDB" if role == OWNER_ROLE and not self._durable else "NOCREATEDB"
        return sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEROLE {} PASSWORD {}").format(
            sql.SQL(verb), sql.Identifier(role), sql.SQL(creates), sql.Literal(self.password(role))
        )


class LocalValkey(LocalServer):
    """A Valkey, or Redis, server; a durable one has after a restart what it held before."""

    name = "Valkey"
    death_signal = signal.SIGTERM
    stop_signals = (signal.SIGTERM,)

    @property
    def url(self) -> str:
        return f"redis://:{self.password('default')}@127.0.0.1:{self.port}/0"

    def _spawn(self, user_id: int | None, log: int, lock: int) -> subprocess.Popen[bytes]:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password("default"),
            "dir": "./",
            "daemonize": "no",
            "save": '""',
            "appendonly": "yes" if self._durable else "no",
        }
        # By standard input, so that the password is in no list of processes and in no file.
        with tempfile.TemporaryFile() as configuration:
            configuration.write("".join(f"{name} {value}\n" for name, value in settings.items()).encode())
            configuration.seek(0)
            command = [str(for_user(find_valkey(), user_id)), "-"]
            return self._run(command, user_id, log, lock, configuration.fileno())

    def _ping(self) -> bool:
        try:
            once = Retry(NoBackoff(), 0)
            with closing(redis.Redis.from_url(self.url, socket_timeout=5, retry=once)) as connection:
                return bool(connection.ping())
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            return False


def _create_cluster(folder: Path, user_id: int | None, password: str) -> None:
    # initdb wants its user to have a name, which the servers' own has not: a named one makes the cluster.
    maker = None if user_id is None else _named_user(user_id)
    give(folder, maker)
    with tempfile.TemporaryFile() as passwords, tempfile.TemporaryFile() as said:
        passwords.write(password.encode() + b"\n")
        passwords.seek(0)
        if maker is not None:
            os.fchown(passwords.fileno(), maker, maker)
        initdb = for_user(find_postgres(), maker).with_name("initdb")
        command = [str(initdb), "-D", own_folder(folder, maker), "--username", SUPERUSER, "--no-sync"]
        command += ["--locale=C.UTF-8", "--encoding=UTF8", "--auth=scram-sha-256"]
        made = start_tethered(
            [*command, f"--pwfile=/dev/fd/{passwords.fileno()}"],
            death_signal=signal.SIGKILL,
            folder=folder,
            environment=SERVER_ENVIRONMENT,
            user_id=maker,
            output=said,
            keep_open=[passwords.fileno()],
        ).wait()
        if made != 0:
            said.seek(0)
            raise ServerError("initdb made no database cluster:\n" + said.read().decode(errors="replace"))
    if maker != user_id:
        for path in [folder, *folder.rglob("*")]:
            give(path, user_id)


def _named_user(user_id: int) -> int:
    """That user where the system has a name for it, else `nobody`, else any that is not root."""
    names = {user.pw_uid: user.pw_name for user in pwd.getpwall() if user.pw_uid != 0}
    if user_id in names or not names:
        return user_id
    return next((number for number, name in names.items() if name == "nobody"), min(names))


def _forget_recycled_process(pid_file: Path) -> None:
    """Remove a crashed server's file whose process number is another's by now (after a container's restart).

    The caller holds the folder's lock, so no server of ours is left; any other `postgres` is left to
    PostgreSQL's own check.
    """
    if not pid_file.is_file():
        return
    name = Path("/proc", pid_file.read_text().split("\n", 1)[0], "comm")
    if name.is_file() and name.read_text().strip() != "postgres":
        pid_file.unlink()
