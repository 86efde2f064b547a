"""The images and the compose file: well-formed, in step with the lock, and every service's command really runs."""

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

import psycopg2
import pytest
import yaml

from mriplatform.launch.server import free_port, wait_until
from mriplatform.launch.supervisor import Worker
from mriplatform.local_servers import LocalValkey

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
BIN = Path(sys.executable).parent
SITE = "portal.example.org"
START_SECONDS = 90


def test_hadolint_finds_nothing() -> None:
    answer = subprocess.run([BIN / "hadolint", DOCKER / "Dockerfile"], capture_output=True, text=True)
    assert (answer.stdout, answer.returncode) == ("", 0)


@pytest.mark.parametrize("name", ["compose.yaml", "compose.gpu.yaml"])
def test_compose_file_follows_the_specification(name: str) -> None:
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DOCKER / name]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def versions(lock: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ]+)", lock.read_text(), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("name", ["web.lock", "worker.lock", "gpu-worker.lock"])
def test_an_image_has_the_versions_that_were_tested(name: str) -> None:
    tested, shipped = versions(ROOT / "requirements.lock"), versions(DOCKER / name)
    assert shipped["django"] == tested["django"]
    differing = {
        package for package in shipped.keys() & tested.keys() if not shipped[package] <= tested[package]
    }
    assert differing == set()


def test_the_web_image_carries_no_model_runtime() -> None:
    assert versions(DOCKER / "web.lock").keys() & {"tensorflow", "keras", "onnxruntime", "pytest"} == set()


def test_every_variable_of_the_compose_file_is_explained() -> None:
    text = (DOCKER / "compose.yaml").read_text()
    required = set(re.findall(r"\$\{([A-Z_]+)(?::\?[^}]*)?\}", text))
    explained = set(re.findall(r"^([A-Z_]+)=", (DOCKER / "env.example").read_text(), re.MULTILINE))
    assert required == explained


def test_no_image_runs_as_root_and_no_service_is_without_limits() -> None:
    stages = (DOCKER / "Dockerfile").read_text().split("\nFROM ")
    targets = [stage for stage in stages if re.match(r"\S+ AS (web|worker|gpu-worker)\n", stage)]
    assert len(targets) == 3
    assert all("\nUSER 10001:10001\n" in stage for stage in targets)
    services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
    assert all(service["deploy"]["resources"]["limits"] for service in services.values())
    assert all("healthcheck" in service for name, service in services.items() if name != "migrate")


class Stack:
    """The compose file's own commands as processes of this machine, with its variables and the tests' servers."""

    def __init__(self, folder: Path, owner_url: str, runtime_url: str, broker: str) -> None:
        self.folder = folder
        self.bind = f"127.0.0.1:{free_port()}"
        self._addresses = {"mri_owner": owner_url, "mri_app": runtime_url}
        self._broker = broker
        self._services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]
        self._secrets: dict[str, str] = {}
        self._running: list[Worker] = []

    def environment(self, service: str) -> dict[str, str]:
        """The service's variables, as compose would fill them in, but for where the servers are."""
        values = {name: self._fill(value) for name, value in self._services[service]["environment"].items()}
        role = urlsplit(values["DATABASE_URL"]).username
        return values | {
            "DATABASE_URL": self._addresses[role],
            "REDIS_URL": self._broker,
            "WEB_BIND": self.bind,
            "STATIC_ROOT": str(self.folder / "static"),
            "CHECKPOINT_CACHE": str(self.folder / "checkpoints"),
            "PATH": f"{BIN}{os.pathsep}{os.defpath}",
            "HOME": str(self.folder),
            "DJANGO_SETTINGS_MODULE": "mriplatform.settings",
        }

    def run(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command, the service's own by default, to its end."""
        wanted = self._here(command or self._services[service]["command"])
        return subprocess.run(wanted, env=self.environment(service), cwd=ROOT, capture_output=True, text=True)

    def start(self, service: str) -> Worker:
        command = self._here(self._services[service]["command"])
        log = self.folder / f"{service}.log"
        worker = Worker(service, command, self.environment(service), ROOT, log, death_signal=signal.SIGQUIT)
        worker.start()
        self._running.append(worker)
        return worker

    def healthy(self, service: str, *check: str) -> bool:
        """Whether the service's own health check passes in time."""
        check = check or tuple(self._services[service]["healthcheck"]["test"][1:])
        return wait_until(lambda: self.run(service, *check).returncode == 0, START_SECONDS, pause=0.5)

    def stop(self) -> None:
        for worker in self._running:
            worker.stop()

    def _here(self, command: list[str] | tuple[str, ...]) -> list[str]:
        local = [part.replace("/tmp/", f"{self.folder}/") for part in command]
        return [str(BIN / local[0]), *local[1:]]

    def _fill(self, value: str) -> str:
        def fill(match: re.Match[str]) -> str:
            name, optional, default = match[1].partition(":-")
            if optional:
                return default
            name = name.partition(":?")[0]
            return self._secrets.setdefault(name, SITE if name == "SITE_NAME" else secrets.token_hex(32))

        return re.sub(r"\$\{([^}]+)\}", fill, value)


@pytest.fixture(scope="module")
def stack(servers: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A new, empty database and a broker of its own, with static files collected as the web image collects them."""
    folder = tmp_path_factory.mktemp("stack")
    name = f"compose_{secrets.token_hex(4)}"
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name}")
    broker = LocalValkey(folder / "valkey", secret=secrets.token_hex(), durable=False)
    broker.start()
    urls = [os.environ["DATABASE_URL"], servers.runtime_url]
    owner, runtime = (urlunsplit(urlsplit(url)._replace(path=f"/{name}")) for url in urls)
    stack = Stack(folder, owner, runtime, broker.url)
    yield stack
    stack.stop()
    broker.stop()
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def migrated(stack: Stack) -> Stack:
    answer = stack.run("migrate")
    assert answer.returncode == 0, answer.stderr
    return stack


def test_migrate_ends_well_and_does_nothing_the_second_time(migrated: Stack) -> None:
    answer = migrated.run("migrate")
    assert answer.returncode == 0
    assert "No migrations to apply" in answer.stdout


def test_web_answers_its_health_check_and_serves_a_page_with_its_styles(migrated: Stack) -> None:
    collected = migrated.run("web", "python", "manage.py", "collectstatic", "--noinput", "--verbosity", "0")
    assert collected.returncode == 0, collected.stderr
    migrated.start("web")
    assert migrated.healthy("web"), (migrated.folder / "web.log").read_text()
    page = fetch(f"http://{migrated.bind}/admin/login/")
    stylesheet = re.search(r'href="(/static/[^"]+\.css)"', page)
    assert stylesheet, page[:500]
    assert fetch(f"http://{migrated.bind}{stylesheet[1]}")


def test_workers_answer_and_beat_keeps_time(migrated: Stack) -> None:
    logs = {name: migrated.folder / f"{name}.log" for name in ("inference", "training", "doors", "beat")}
    for service in logs:
        migrated.start(service)
    assert migrated.healthy("inference"), logs["inference"].read_text()
    assert migrated.healthy("doors"), logs["doors"].read_text()
    assert migrated.healthy("training", "python", "docker/healthcheck.py", "worker", "training")
    assert migrated.healthy("beat"), logs["beat"].read_text()
    assert wait_until(lambda: "Sending due task" in logs["beat"].read_text(), 30), logs["beat"].read_text()


def test_a_missing_setting_is_named(migrated: Stack) -> None:
    environment = migrated.environment("web") | {"SECRET_KEY": "", "REDIS_URL": ""}
    command = [BIN / "python", "manage.py", "check"]
    answer = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode != 0
    assert "SECRET_KEY is not set" in answer.stderr
    assert "REDIS_URL is not set" in answer.stderr


def fetch(address: str) -> str:
    """A page as the proxy asks for it."""
    request = Request(address, headers={"Host": SITE, "X-Forwarded-Proto": "https"})
    with urlopen(request, timeout=10) as answer:
        return answer.read().decode()
