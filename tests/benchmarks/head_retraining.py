"""What the recipe *head* takes on 5,000 labels, from the claim of the run to the registered candidate.

    ./dev run python -m tests.benchmarks.head_retraining [--labels 5000]

Starts a Postgres of its own, puts the shipped checkpoint in force and gives so many images an answer with an embedding
each, drawn around those of the checkpoint's replay sample. Then it trains as the training worker does, twice: the first
run is that of a worker that has just started, and imports Keras. Prints the seconds of each stage, and those in which
a processor worked on it.
"""

import argparse
import json
import secrets
import shutil
import tempfile
import time
import uuid
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from mriplatform.local_servers import LocalPostgres, LocalValkey
from tests.benchmarks.reading_room import configure, processor_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--labels", type=int, default=5000)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mri-head-"))
    postgres = LocalPostgres(folder / "postgres", secret=secrets.token_hex(), durable=False)
    valkey = LocalValkey(folder / "valkey", secret=secrets.token_hex(), durable=False)
    try:
        postgres.start()
        valkey.start()
        configure(folder, postgres.owner_url, valkey.url)
        _measure(asked.labels)
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(folder)


def _measure(count: int) -> None:
    from classifier.jobs import training
    from classifier.models import TrainingRun
    from classifier.services.training import start_run

    manifest, collection = _fill(count)
    print(f"{count:,} labels, of which {count * 7 // 10:,} are to learn from.\n")
    print("| stage | first run | second run |\n|---|---|---|")
    told = []
    for seed in (1, 2):
        start_run(actor=None, manifest=manifest, seed=seed, collection=collection)
        started, worked = time.perf_counter(), processor_ms()
        training.drain()
        took, work = time.perf_counter() - started, (processor_ms() - worked) / 1000
        run = TrainingRun.objects.order_by("-number").first()
        if run is None or run.status != "succeeded":
            raise SystemExit(f"The run failed: {run and run.failure_reason}")
        told.append({**_stages(run.log), "all": f"{took:.1f} s", "of a processor": f"{work:.1f} s"})
    for stage in told[0]:
        print(f"| {stage} | {told[0][stage]} | {told[1].get(stage, '')} |", flush=True)


def _stages(log: list[dict[str, str]]) -> dict[str, str]:
    """From each line of the log to the next, in seconds."""
    return {
        first[
            "text"
        ]: f"{(datetime.fromisoformat(then['at']) - datetime.fromisoformat(first['at'])).total_seconds():.1f} s"
        for first, then in pairwise(log)
    }


def _fill(count: int) -> tuple[bytes, object]:
    """Images with an answer of the shipped version each; returns a manifest of them and their collection."""
    from classifier.management.commands.register_model import register_shipped
    from classifier.models import Image, JobStatus, Origin, Prediction, Study
    from classifier.selectors import version_in_force
    from ml.checkpoint import read_checkpoint
    from ml.config import SHIPPED_CHECKPOINT
    from ml.labels import CLASSES
    from mriplatform.accounts.models import Collection, User

    register_shipped("for the benchmark")
    version, replay = version_in_force(), read_checkpoint(SHIPPED_CHECKPOINT).replay()
    random = np.random.default_rng(1)
    drawn = random.integers(0, len(replay.labels), count)
    spread = replay.embeddings.std(axis=0)
    embeddings = replay.embeddings[drawn] + random.normal(0, 0.3, (count, len(spread))) * spread
    collection = Collection.objects.create(name="Benchmark")
    study = Study.objects.create(
        collection=collection, origin=Origin.API, uploaded_by=User.objects.create(username="uma")
    )
    images = [
        Image(
            study=study, collection=collection, position=0, pixels=f"images/{number}.png",
            pixel_sha256=f"{number:064x}",
            width=64, height=64, phash=number, phash_mirrored=number, cluster=uuid.uuid4(),
        )
        for number in range(count)
    ]  # fmt: skip
    Image.objects.bulk_create(images, batch_size=1000)
    Prediction.objects.bulk_create(
        (
            Prediction(
                image=image, model_version=version, status=JobStatus.SUCCEEDED, attempt=1,
                probabilities=[0.25] * 4, embedding=embeddings[number].astype("<f4").tobytes(),
            )
            for number, image in enumerate(images)
        ),
        batch_size=500,
    )  # fmt: skip
    parts = ["train"] * 14 + ["validation"] * 3 + ["test"] * 3
    lines = (
        {
            "image": str(image.pk), "pixel_sha256": image.pixel_sha256, "label": CLASSES[replay.labels[drawn[number]]],
            "split": parts[number % 20], "reason": "", "cluster": str(image.cluster), "weight": 1.0,
        }
        for number, image in enumerate(images)
    )  # fmt: skip
    return "".join(f"{json.dumps(line, sort_keys=True)}\n" for line in lines).encode(), collection


if __name__ == "__main__":
    main()
