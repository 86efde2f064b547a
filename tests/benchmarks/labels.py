"""What it takes to take away and to freeze the labels of a collection of 100,000 images: seconds and memory.

    ./dev run python -m tests.benchmarks.labels [--images 100000]

Starts a Postgres of its own and fills it (see `room_data`). Writes the labels as CSV and as JSON to nowhere, then the
predictions as CSV and as JSON Lines, asks what a freeze would take, freezes them into a label set, freezes again, where
nothing changed, and once more by another policy, writes that set as CSV, and writes down what differs. Prints for each
the seconds that passed, those in which a processor worked on it (this process and its Postgres backend), and the most
memory that the process has held by then.
"""

import argparse
import os
import resource
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from mriplatform.local_servers import LocalPostgres, LocalValkey
from tests.benchmarks.reading_room import configure, processor_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mri-labels-"))
    postgres = LocalPostgres(folder / "postgres", secret=secrets.token_hex(), durable=False)
    valkey = LocalValkey(folder / "valkey", secret=secrets.token_hex(), durable=False)
    try:
        postgres.start()
        valkey.start()
        configure(folder, postgres.owner_url, valkey.url)
        _measure(asked.images)
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(folder)


def _measure(images: int) -> None:
    from classifier.selectors import predictions_of
    from classifier.selectors.prediction_table import PREDICTION_COLUMNS, prediction_rows
    from mriplatform.tables import table
    from reviews.selectors import labels, labels_as_csv, labels_as_json
    from reviews.selectors.eligibility import policy_of
    from reviews.selectors.entry_table import ENTRY_COLUMNS, entry_rows
    from reviews.selectors.frozen import label_sets_in
    from reviews.selectors.listed_lines import Narrowing
    from reviews.selectors.planned import planned_label_set
    from reviews.selectors.set_differences import differences_as_json
    from reviews.services.eligibility import set_policy
    from reviews.services.label_sets import freeze_label_set
    from tests.benchmarks.room_data import fill_room

    room = fill_room(images, name="labels")
    print(
        f"{room.images:,} images and {room.events:,} review events; {_megabytes():.0f} MB before anything.\n"
    )
    print("| what | seconds | processor | most memory so far, MB |\n|---|---|---|---|")
    collection = room.collection
    _timed("labels as CSV", lambda: _written(labels_as_csv(labels(collection, None))))
    _timed("labels as JSON", lambda: _written(labels_as_json(collection, labels(collection, None))))
    for form in ("csv", "jsonl"):
        rows = prediction_rows(room.engineer, predictions_of(room.engineer))
        _timed(f"predictions as {form}", partial(_written, table(form, PREDICTION_COLUMNS, rows)))
    policy = policy_of(collection)
    _timed("dry run", lambda: planned_label_set(collection, policy).sha256)
    _timed("freeze", lambda: freeze_label_set(actor=None, collection=collection))
    _timed("freeze again", lambda: freeze_label_set(actor=None, collection=collection))
    set_policy(actor=None, collection=collection, rule="single")
    _timed("freeze by another policy", lambda: freeze_label_set(actor=None, collection=collection))
    after, before = label_sets_in(collection)
    entries = table("csv", ENTRY_COLUMNS, entry_rows(after, Narrowing()))
    _timed("a label set as CSV", lambda: _written(entries))
    _timed("their differences as JSON", lambda: _written(differences_as_json(before, after)))


def _timed(name: str, do: Callable[[], object]) -> None:
    started, worked = time.perf_counter(), processor_ms()
    do()
    took, work = time.perf_counter() - started, (processor_ms() - worked) / 1000
    print(f"| {name} | {took:.1f} | {work:.1f} | {_megabytes():.0f} |", flush=True)


def _written(pieces: Iterable[str]) -> None:
    with Path(os.devnull).open("w") as nowhere:
        nowhere.writelines(pieces)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
