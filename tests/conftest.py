"""A PostgreSQL and a Valkey for each process of the run, started before Django reads its settings; images; Chromium."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from mriplatform.local_servers import LocalPostgres, LocalValkey
from tests.others import missing

ROOT = Path(__file__).resolve().parent.parent
# The first is Chromium without its windows, toolbars and services: the same pages for half of the processor time.
CHROMIUM_NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
SERVERS = pytest.StashKey["Servers"]()


@dataclass
class Servers:
    """The run's servers. `postgres` and `valkey` are None where the environment named servers of its own."""

    folder: Path
    runtime_url: str
    postgres: LocalPostgres | None = None
    valkey: LocalValkey | None = None

    def stop(self) -> None:
        for server in (self.valkey, self.postgres):
            if server is not None:
                server.stop()
        shutil.rmtree(self.folder)


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers and complete the environment. Tests run as the owner: only that empties a table."""
    if config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        # It hands the tests out and runs none. Its children inherit this environment, and are to complete their own;
        # importing the platform has named the settings in it.
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)
        return
    folder = Path(tempfile.mkdtemp(prefix="mri-tests-"))
    servers = config.stash[SERVERS] = Servers(folder, os.environ.get("DATABASE_URL", ""))
    if not servers.runtime_url:
        servers.postgres = LocalPostgres(folder / "postgres", secret=secrets.token_hex(), durable=False)
        servers.postgres.start()
        servers.runtime_url = servers.postgres.runtime_url
        os.environ["DATABASE_OWNER_URL"] = servers.postgres.owner_url
    os.environ["DATABASE_URL"] = os.environ.get("DATABASE_OWNER_URL") or servers.runtime_url
    if not os.environ.get("REDIS_URL"):
        servers.valkey = LocalValkey(folder / "valkey", secret=secrets.token_hex(), durable=False)
        servers.valkey.start()
        os.environ["REDIS_URL"] = servers.valkey.url
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "mriplatform.settings",
        "SECRET_KEY": secrets.token_hex(),
        "SUBJECT_KEY": secrets.token_hex(),
        "DEBUG": "1",
        "HTTPS_ONLY": "0",
        "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
        # Tests ask more in a minute than any program should.
        "API_REQUESTS_PER_MINUTE": "1000000",
        "API_ANONYMOUS_REQUESTS_PER_MINUTE": "1000000",
        "STATIC_ROOT": str(folder / "static"),
        "CHECKPOINT_CACHE": str(folder / "checkpoints"),
    }
    # Where it is missing, every client of every test warns that it is.
    (folder / "static").mkdir()
    import django

    django.setup()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where processes share the tests out, the longest come first, as their limits tell: they end at the same time."""
    if hasattr(config, "workerinput"):
        items.sort(key=limit, reverse=True)


def limit(item: pytest.Item) -> float:
    """The seconds that a test says it may take; 0 for one that says nothing."""
    marker = item.get_closest_marker("timeout")
    return marker.args[0] if marker and marker.args else 0


def pytest_unconfigure(config: pytest.Config) -> None:
    if servers := config.stash.get(SERVERS, None):
        servers.stop()


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Servers:
    """The servers that the whole run shares. A test that stops one takes `private_valkey` instead."""
    return pytestconfig.stash[SERVERS]


@pytest.fixture
def private_valkey(tmp_path: Path) -> Iterator[LocalValkey]:
    """A Valkey of the test's own: `stop()`, `kill()`, `start(valkey.port)` to come back where it was."""
    valkey = LocalValkey(tmp_path / "private-valkey", secret=secrets.token_hex(), durable=False)
    valkey.start()
    yield valkey
    valkey.stop()


@pytest.fixture
def runtime_database_url(db: None, servers: Servers) -> str:
    """The tests' database as the running platform's role, which may not change a ledger."""
    from django.db import connection

    return urlunsplit(urlsplit(servers.runtime_url)._replace(path=f"/{connection.settings_dict['NAME']}"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images: MRI_DATA, else ../shared/data."""
    folder = Path(os.environ.get("MRI_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "nickparvar").is_dir():
        pytest.skip(f"The real images are not at {folder}; set MRI_DATA to where they are.")
    return folder


def find_chromium() -> Path | None:
    """CHROMIUM, else one on the PATH, else Playwright's own."""
    if named := os.environ.get("CHROMIUM"):
        return Path(named)
    playwrights = sorted(Path.home().glob(".cache/ms-playwright/chromium-*/chrome-linux*/chrome"))
    found = [path for name in CHROMIUM_NAMES if (path := shutil.which(name))] + playwrights[-1:]
    return Path(found[0]) if found else None


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """A Chromium to drive (see `find_chromium`). CI must have one."""
    if found := find_chromium():
        return found
    missing("There is no Chromium here; install it (Debian: chromium) or set CHROMIUM to its path.")
