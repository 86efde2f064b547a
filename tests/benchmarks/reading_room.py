"""How long the server takes for the pages of a reading room of 100,000 images and 300,000 review events.

    ./dev run python -m tests.benchmarks.reading_room --check [--by processor] [--images 100000] [--rounds 30]

Starts a Postgres of its own, fills it (see `room_data`), and asks each page as a browser would, in this process and
through every middleware, so that what is measured is the server's time: templates, queries, session. It does so in a
room of a hundredth of the size as well. Prints milliseconds (median and 95th percentile), those of them in which a
processor worked on it (this process and its Postgres backend: on a machine that is busy with other things the rest is
waiting), and the number of queries. With `--check` it fails, with status 1, where a page's 95th percentile is above the
limit (`--check p50`: its median), or where a page asks more queries in the large room than in the small one; `--by
processor` holds the processor's milliseconds to the limit instead of the clock's.
"""

import argparse
import gc
import logging
import os
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from mriplatform.local_servers import LocalPostgres, LocalValkey

WARM_UP = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--limit-ms", type=float, default=100)
    parser.add_argument("--by", choices=["clock", "processor"], default="clock")
    parser.add_argument("--check", nargs="?", choices=["p50", "p95"], const="p95")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mri-room-"))
    postgres = LocalPostgres(folder / "postgres", secret=secrets.token_hex(), durable=False)
    valkey = LocalValkey(folder / "valkey", secret=secrets.token_hex(), durable=False)
    try:
        postgres.start()
        valkey.start()
        configure(folder, postgres.owner_url, valkey.url)
        return _measure(asked)
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(folder)


def configure(folder: Path, database: str, broker: str) -> None:
    """Have Django use a database and a broker that were just started, and make the tables."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "mriplatform.settings",
        "DATABASE_URL": database,
        "REDIS_URL": broker,
        "SECRET_KEY": secrets.token_hex(),
        "SUBJECT_KEY": secrets.token_hex(),
        "DEBUG": "0",
        "HTTPS_ONLY": "0",
        "ALLOWED_HOSTS": "testserver",
        "STATIC_ROOT": str(folder / "static"),
        "CHECKPOINT_CACHE": str(folder / "checkpoints"),
    }
    import django
    from django.core.management import call_command

    django.setup()
    logging.disable(logging.WARNING)
    call_command("collectstatic", "--noinput", verbosity=0)
    call_command("migrate", "--noinput", verbosity=0)


def _measure(asked: argparse.Namespace) -> int:
    from django.urls import get_resolver

    from reviews.services.figures import compute_figures
    from tests.benchmarks.room_data import fill_room

    small = fill_room(max(10, asked.images // 1000 * 10), name="small")
    started = time.perf_counter()
    large = fill_room(asked.images, name="large")
    took = time.perf_counter() - started
    print(f"{large.images:,} images and {large.events:,} review events, filled in {took:.0f} s.\n")
    made = [compute_figures(collection=room.collection) for room in (small, large)][-1]
    assert made is not None
    print(f"Their figures, as a worker makes them: {made.seconds:.1f} s.\n")
    print("| what | p50 ms | p95 ms | processor p50 | processor p95 | queries | in the small room |")
    print("|---|---|---|---|---|---|---|")
    # As `mriplatform.wsgi.make_ready` does in every worker of gunicorn.
    get_resolver().url_patterns  # noqa: B018 - to look at them is to load them
    gc.collect()
    gc.freeze()
    failures = []
    for (name, do), (_, do_small) in zip(_acts(large), _acts(small), strict=True):
        before = _timed(do_small, WARM_UP).queries
        found = _timed(do, asked.rounds)
        by_clock, worked = (f"{taken.p50:.1f} | {taken.p95:.1f}" for taken in (found.clock, found.processor))
        print(f"| {name} | {by_clock} | {worked} | {found.queries} | {before} |", flush=True)
        held = found.processor if asked.by == "processor" else found.clock
        counted = held.p50 if asked.check == "p50" else held.p95
        if counted > asked.limit_ms:
            failures.append(f"{name} takes {counted:.0f} ms; the limit is {asked.limit_ms:.0f}.")
        if found.queries > before:
            failures.append(
                f"{name} asks {found.queries} queries in the large room, {before} in the small one."
            )
    print("\n" + ("\n".join(failures) or f"All are within {asked.limit_ms:.0f} ms, with as many queries."))
    return 1 if failures and asked.check else 0


@dataclass(frozen=True)
class Taken:
    """Milliseconds of some rounds: their median and 95th percentile."""

    p50: float
    p95: float


@dataclass(frozen=True)
class Timing:
    """What some rounds of one thing took, by the clock and on the processor, and its queries."""

    clock: Taken
    processor: Taken
    queries: int


def _acts(room: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What people do in the room, each a function that does it once; the later ones under another protocol."""
    from django.db.models.functions import Now
    from django.urls import reverse

    from reviews.models import Reading
    from reviews.selectors import open_disagreements
    from reviews.services.protocols import set_protocol
    from reviews.services.reading import claim_next

    # The first has a fifth of all images behind them that wait for somebody else; the other has not.
    reader, other = _browser(room.readers[0]), _browser(room.readers[1])
    adjudicator = _browser(room.adjudicator)
    collection = room.collection
    claimed = claim_next(reader=room.readers[0], collection=collection)
    assert claimed is not None
    finished = Reading.objects.filter(reader=room.readers[0], finished_at__isnull=False).earliest(
        "finished_at"
    )
    disputed = open_disagreements(collection).first()
    assert disputed is not None

    def page(client: Any, name: str, *arguments: Any, query: str = "") -> Callable[[], Any]:
        address = reverse(name, args=arguments) + query

        def get() -> None:
            answer = client.get(address)
            assert answer.status_code == 200, f"{address}: {answer.status_code}"

        return get

    def claim() -> None:
        answer = other.post(reverse("read-next", args=[collection.pk]))
        assert answer.status_code == 302
        assert "/readings/" in answer.url
        # So that the next round claims anew. One small statement more than a reader's claim has.
        Reading.objects.filter(pk=answer.url.rsplit("/", 1)[1]).update(finished_at=Now())

    yield "worklist", page(reader, "worklist", collection.pk)
    yield "worklist, narrowed to 16 bit", page(reader, "worklist", collection.pk, query="?bits=16")
    yield "claim the next image", claim
    yield "verdict, with the next reading's page", Prepared(*_deciding(room.readers[2], collection))
    yield "reading page", page(reader, "reading", claimed.pk)
    yield "what the reading page fetches ahead", page(reader, "reading-ahead", claimed.pk)
    yield "reading page, finished", page(reader, "reading", finished.pk)
    yield "start page", page(reader, "home")
    yield "disagreements", page(adjudicator, "disagreements", collection.pk)
    yield "decisions", page(adjudicator, "disagreements", collection.pk, query="?decided")
    yield "one disagreement", page(adjudicator, "disagreement", collection.pk, disputed.pk)
    engineer = _browser(room.engineer)
    yield "figures", page(engineer, "figures", collection.pk)
    yield "own figures", page(reader, "own-figures", collection.pk)
    yield "labels", page(engineer, "labels", collection.pk)
    yield "studies", page(engineer, "collection", collection.pk)
    yield "studies that failed", page(engineer, "collection", collection.pk, query="?status=failed")
    # From here on the machine's answer is shown from the start, and what it is least sure of comes first.
    set_protocol(actor=None, collection=collection, mode="assisted", readers_per_image=2, order="entropy")
    yield "worklist, assisted", page(other, "worklist", collection.pk)
    yield "claim the next image, by entropy", claim


@dataclass(frozen=True)
class Prepared:
    """Something to be timed, and what is done before each time and not timed."""

    prepare: Callable[[], None]
    do: Callable[[], None]

    def __call__(self) -> None:
        self.do()


def _deciding(reader: Any, collection: Any) -> tuple[Callable[[], None], Callable[[], None]]:
    """Make a reading ready for its verdict; give the verdict as the page's script does, which takes the next page."""
    from django.urls import reverse

    from reviews.services.reading import claim_next, commit_first_read, reveal

    browser, ready = _browser(reader), []

    def prepare() -> None:
        reading = claim_next(reader=reader, collection=collection)
        assert reading is not None
        commit_first_read(reader=reader, reading=reading, label="glioma", confidence=3)
        reveal(reader=reader, reading=reading)
        ready.append(reading)

    def decide() -> None:
        address = reverse("reading-verdict", args=[ready.pop().pk])
        said = {"label": "glioma", "reason": "location", "idempotency_key": str(uuid4())}
        headers = {"HX-Request": "true", "Reading-Takes-Next": "true"}
        answer = browser.post(address, said, headers=headers)
        # The answer's head goes out once the claim stands, the page after it: to read it is part of what is timed.
        page = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert "Reading-Address" in answer.headers, page
        assert b"<main" in page

    return prepare, decide


def _browser(user: Any) -> Any:
    from django.test import Client

    client = Client()
    client.force_login(user, backend="mriplatform.accounts.backends.RoleBackend")
    return client


def _timed(do: Callable[[], Any], rounds: int) -> Timing:
    """Times some rounds after the first few; the processor's time is their median too."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    prepare = do.prepare if isinstance(do, Prepared) else lambda: None
    for _ in range(WARM_UP):
        prepare()
        do()
    prepare()
    with CaptureQueriesContext(connection) as asked:
        do()
    queries = len(asked)  # the next request empties what it counts in
    times, worked = [], []
    for _ in range(rounds):
        prepare()
        began, started = processor_ms(), time.perf_counter()
        do()
        times.append((time.perf_counter() - started) * 1000)
        worked.append(processor_ms() - began)
    return Timing(_taken(times), _taken(worked), queries)


def _taken(times: list[float]) -> Taken:
    p95 = statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]
    return Taken(statistics.median(times), p95)


def processor_ms() -> float:
    """What this process and its Postgres backend have had of the processors, where the system tells (Linux)."""
    from django.db import connection

    connection.ensure_connection()
    backend = Path(f"/proc/{connection.connection.get_backend_pid()}/schedstat")
    theirs = int(backend.read_text().split()[0]) / 1e6 if backend.is_file() else 0.0
    return time.process_time() * 1000 + theirs


if __name__ == "__main__":
    sys.exit(main())
