"""The embedded servers: start, restart with data, end with their parent, and the roles they make."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mriplatform.launch.programs import ServerError, find_postgres, find_valkey, for_user
from mriplatform.launch.server import wait_until
from mriplatform.local_servers import LocalPostgres, LocalValkey

ROOT = Path(__file__).resolve().parents[2]
SECRET = secrets.token_hex()
# An unprivileged user who may read what root may, since the tests' own Python often lies under /root.
PLAIN_USER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
PLAIN_USER += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[LocalPostgres]:
    server = LocalPostgres(tmp_path / "postgres", secret=SECRET, durable=True)
    server.start()
    yield server
    server.stop()


def ask(url: str, statement: str) -> list[tuple]:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


def alive(process_id: int) -> bool:
    """Whether it runs; a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_data_and_roles_survive_a_restart(postgres: LocalPostgres) -> None:
    ask(postgres.owner_url, "CREATE TABLE kept (n int)")
    ask(postgres.owner_url, "INSERT INTO kept VALUES (7)")
    postgres.stop()
    assert not postgres.running
    postgres.start()
    assert ask(postgres.owner_url, "SELECT n FROM kept") == [(7,)]


def test_runtime_role_creates_nothing_and_owns_nothing(postgres: LocalPostgres) -> None:
    ask(postgres.owner_url, "CREATE TABLE owned (n int)")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(postgres.runtime_url, "CREATE TABLE mine (n int)")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(postgres.runtime_url, "TRUNCATE owned")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(postgres.owner_url, "CREATE DATABASE another")


def test_postgres_listens_on_loopback_only_and_asks_for_a_password(postgres: LocalPostgres) -> None:
    assert ask(postgres.owner_url, "SHOW listen_addresses") == [("127.0.0.1",)]
    assert ask(postgres.url("postgres"), "SHOW unix_socket_directories") == [("",)]
    with pytest.raises(psycopg2.OperationalError, match="password"):
        ask(postgres.owner_url.replace(postgres.password("mri_owner"), "wrong"), "SELECT 1")


def test_postgres_comes_back_after_a_crash(postgres: LocalPostgres) -> None:
    ask(postgres.owner_url, "CREATE TABLE crashed (n int)")
    postgres.kill()
    assert (postgres.folder / "postmaster.pid").exists()
    postgres.start()
    assert ask(postgres.owner_url, "SELECT count(*) FROM crashed") == [(0,)]


def test_a_recycled_process_number_does_not_keep_postgres_from_starting(postgres: LocalPostgres) -> None:
    postgres.kill()
    pid_file = postgres.folder / "postmaster.pid"
    lines = pid_file.read_text().split("\n")
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    postgres.start()
    assert postgres.running


def test_a_second_server_on_the_same_folder_is_refused(
    postgres: LocalPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mriplatform.launch.server.OLD_SERVER_SECONDS", 0.1)
    with pytest.raises(ServerError, match="still uses"):
        LocalPostgres(postgres.folder, secret=SECRET, durable=True).start()
    assert postgres.running


def test_another_secret_than_the_folder_s_is_named_as_such(postgres: LocalPostgres) -> None:
    postgres.stop()
    with pytest.raises(ServerError, match="another secret"):
        LocalPostgres(postgres.folder, secret="wrong", durable=True).start()


def test_a_cluster_half_made_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres.new" / "base").mkdir(parents=True)
    server = LocalPostgres(tmp_path / "postgres", secret=SECRET, durable=False)
    server.start()
    server.stop()
    assert not (tmp_path / "postgres.new").exists()


def test_durable_valkey_keeps_what_it_held_when_killed(tmp_path: Path) -> None:
    valkey = LocalValkey(tmp_path / "valkey", secret=SECRET, durable=True)
    valkey.start()
    port = valkey.port
    with closing(redis.Redis.from_url(valkey.url)) as connection:
        connection.rpush("bells", "one", "two")
        connection.execute_command("WAITAOF", 1, 0, 5000)
    valkey.kill()
    valkey.start(port)
    with closing(redis.Redis.from_url(valkey.url)) as connection:
        assert connection.lrange("bells", 0, -1) == [b"one", b"two"]
    valkey.stop()


def test_valkey_asks_for_its_password(private_valkey: LocalValkey) -> None:
    with closing(redis.Redis(port=private_valkey.port, retry=Retry(NoBackoff(), 0))) as connection:
        with pytest.raises(redis.exceptions.AuthenticationError):
            connection.ping()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Only Linux ends a process with its parent.")
def test_a_killed_parent_leaves_no_server_and_the_next_start_has_the_data(tmp_path: Path) -> None:
    parent = start_both(tmp_path)
    *process_ids, url = parent.stdout.readline().split()
    ask(url, "CREATE TABLE kept (n int)")
    parent.kill()
    parent.wait()
    again = LocalPostgres(tmp_path / "postgres", secret=SECRET, durable=True)
    again.start()
    assert ask(again.owner_url, "SELECT count(*) FROM kept") == [(0,)]
    again.stop()
    assert wait_until(lambda: not any(alive(int(process_id)) for process_id in process_ids), 5)


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="Only root becomes another user."
)
def test_a_plain_user_starts_the_same_servers(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    parent = start_both(tmp_path, *PLAIN_USER, programs_of=65534)
    process_ids = parent.stdout.readline().split()[:2]
    owners = {Path(f"/proc/{process_id}").stat().st_uid for process_id in process_ids}
    parent.kill()
    parent.wait()
    assert owners == {65534}
    assert wait_until(lambda: not any(alive(int(process_id)) for process_id in process_ids), 5)


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root has root to drop.")
def test_root_runs_no_server_as_root_and_no_folder_is_opened_to_others(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    parent = start_both(closed)
    process_ids = parent.stdout.readline().split()[:2]
    owners = {Path(f"/proc/{process_id}").stat().st_uid for process_id in process_ids}
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert owners == {64320}
    assert closed.stat().st_mode & 0o777 == 0o700
    assert closed.stat().st_uid == 0


def start_both(folder: Path, *become: str, programs_of: int | None = None) -> subprocess.Popen[str]:
    """A process that starts both servers and prints their process numbers and the owner's URL, then waits.

    `programs_of` a user: with the programs where that user reaches them, instead of looking for them.
    """
    code = f"""
        import sys, time
        from pathlib import Path
        sys.path.insert(0, {str(ROOT)!r})
        from mriplatform import local_servers
        from mriplatform.launch.programs import Program
        if {programs_of!r}:
            postgres = Program(Path({str(for_user(find_postgres(), programs_of))!r}))
            valkey = Program(Path({str(for_user(find_valkey(), programs_of))!r}))
            local_servers.find_postgres, local_servers.find_valkey = lambda: postgres, lambda: valkey
        folder = Path({str(folder)!r})
        postgres_server = local_servers.LocalPostgres(folder / "postgres", secret={SECRET!r}, durable=True)
        valkey_server = local_servers.LocalValkey(folder / "valkey", secret={SECRET!r}, durable=True)
        postgres_server.start()
        valkey_server.start()
        print(postgres_server.process_id, valkey_server.process_id, postgres_server.owner_url, flush=True)
        time.sleep(60)
    """
    command = [*become, sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
