"""Writes a training run into a folder, with everything that it used: `ml.experiments.exported` says what is in it."""

import json
import platform
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version as installed
from itertools import batched
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np

from classifier.exceptions import StateConflict
from classifier.models import (
    GateDecision,
    Image,
    JobStatus,
    ModelVersion,
    Prediction,
    RunStatus,
    TrainingRun,
)
from classifier.services.registry import verify_stored_checkpoint
from ml.checkpoint import read_checkpoint
from ml.duplicates import whole_groups
from ml.experiments.exported import (
    BASE,
    EMBEDDINGS,
    FORM,
    HEAD,
    IMAGES,
    INCUMBENT,
    MANIFEST,
    PIXELS,
    RUN,
    USED,
    ExportedImage,
)
from ml.experiments.ship import code_version
from mriplatform.audit.recording import record

_PACKAGES: Final = ("numpy", "scipy", "onnxruntime", "keras", "tensorflow-cpu", "opencv-python-headless")
_TOGETHER: Final = 500
GONE: Final = "it was hidden or removed"


def export_run(run: TrainingRun, folder: Path) -> tuple[int, int]:
    """Write the export of a run; the folder is made, or is empty.

    What was hidden or removed since is not written, neither its pixels nor its embedding: it is listed as missing.

    Returns:
        How many images that the run used are in it, and how many are missing.

    Raises:
        StateConflict: the run has no candidate, or the folder holds something.
        CheckpointRefused: a checkpoint is not in the storage, or was altered there.
    """
    candidate, decision = _made_by(run), run.gate_decisions.select_related("incumbent", "rule").first()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise StateConflict(f"{folder} holds something already; name a folder that is new or empty.")
    try:
        (folder / PIXELS).mkdir()
        manifest = _read(run.manifest)
        (folder / MANIFEST).write_bytes(manifest)
        lines = _grouped(run, list(_lines(run, manifest.decode().splitlines(), folder)))
        (folder / IMAGES).write_text("".join(f"{json.dumps(line, sort_keys=True)}\n" for line in lines))
        _write_embeddings(run, lines, folder)
        _write_head(candidate, folder)
        facts = _facts(run, candidate, decision) | _checkpoints(run, decision, folder)
        # Last, so that what is cut short is no export.
        (folder / RUN).write_text(json.dumps(facts, indent=1, sort_keys=True))
    except BaseException:
        shutil.rmtree(folder)
        raise
    used = [line for line in lines if line["used_as"] in USED]
    missing = sum(bool(line["missing"]) for line in used)
    record(
        action="training.exported", target=run, collection_id=run.collection_id, number=run.number,
        images=len(used) - missing, missing=missing,
    )  # fmt: skip
    return len(used) - missing, missing


def _made_by(run: TrainingRun) -> ModelVersion:
    candidate = run.candidate
    if run.status != RunStatus.SUCCEEDED or candidate is None:
        raise StateConflict(f"Training run {run.number} has no candidate, so there is nothing to run again.")
    return candidate


def _lines(run: TrainingRun, manifest: Sequence[str], folder: Path) -> Iterator[dict[str, Any]]:
    """What became of each line, in order, and the pixels of those that were used."""
    traced = {line.number: line for line in run.trace_lines.all()}
    for some in batched(enumerate(map(json.loads, manifest), start=1), _TOGETHER):
        images = _images(run, [line for _, line in some])
        for number, line in some:
            image, trace = images.get(line["pixel_sha256"]), traced.get(number)
            if trace is None:
                raise StateConflict(
                    f"Line {number} of the manifest is not in the trace of training run {run.number}: it was run "
                    "before every line was traced, and cannot be run again from its files."
                )
            written = trace.used_as in USED and _write_pixels(image, folder)
            yield asdict(
                ExportedImage(
                    pixel_sha256=line["pixel_sha256"],
                    label=line["label"],
                    used_as=trace.used_as,
                    group=str(line.get("cluster") or (image.cluster if image else "")),
                    weight=1.0 if line.get("weight") is None else float(line["weight"]),
                    phash=image.phash % 2**64 if image else 0,
                    bits=image.bits if image else 8,
                    window=_window(image),
                    missing=GONE if trace.used_as in USED and not written else "",
                )
            )


def _grouped(run: TrainingRun, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines, those of the test part with the groups that the gate measured by: subjects, which nothing names."""
    measured = [line for line in lines if line["used_as"] == "test"]
    held = Image.objects.filter(trace_lines__run=run, trace_lines__used_as="test")
    subjects = dict(held.values_list("pixel_sha256", "study__subject_key"))
    whose = [subjects.get(line["pixel_sha256"], "") for line in measured]
    for line, group in zip(measured, whole_groups([one["group"] for one in measured], whose), strict=True):
        line["group"] = group
    return lines


def _images(run: TrainingRun, lines: Sequence[dict[str, Any]]) -> dict[str, Image]:
    """By the sha256 of their pixels: in the run's collection, or by their identifiers where it has none."""
    if run.collection_id is not None:
        found = Image.objects.filter(
            collection=run.collection_id, pixel_sha256__in=[line["pixel_sha256"] for line in lines]
        )
    else:
        found = Image.objects.filter(pk__in=[UUID(line["image"]) for line in lines])
    return {image.pixel_sha256: image for image in found}


def _window(image: Image | None) -> tuple[float, float] | None:
    if image is None or image.window_centre is None or image.window_width is None:
        return None
    return image.window_centre, image.window_width


def _write_pixels(image: Image | None, folder: Path) -> bool:
    """Whether the pixels of an image may be seen, and were written."""
    if image is None or not image.pixels_available:
        return False
    (folder / PIXELS / f"{image.pixel_sha256}.png").write_bytes(_read(image.pixels))
    return True


def _write_embeddings(run: TrainingRun, lines: Sequence[dict[str, Any]], folder: Path) -> None:
    """The embeddings that the base version had stored of what is in the export; of what is missing none."""
    there = [line["pixel_sha256"] for line in lines if line["used_as"] in USED and not line["missing"]]
    images = Image.objects.filter(pixel_sha256__in=there)
    if run.collection_id is not None:
        images = images.filter(collection=run.collection_id)
    rows = Prediction.objects.filter(
        image__in=images, model_version=run.base_version, status=JobStatus.SUCCEEDED, embedding__isnull=False
    ).select_related("image")
    found = {
        row.image.pixel_sha256: vector
        for row in rows.iterator(chunk_size=_TOGETHER)
        if (vector := row.embedding_array()) is not None
    }
    if known := {name: found[name] for name in there if name in found}:
        np.savez(
            folder / EMBEDDINGS,
            hashes=np.array(list(known), "U64"),
            embeddings=np.stack(list(known.values())),
        )


def _write_head(candidate: ModelVersion, folder: Path) -> None:
    kernel, bias = read_checkpoint(_checkpoint(candidate)).head()
    np.savez(folder / HEAD, kernel=kernel, bias=bias)


def _checkpoints(run: TrainingRun, decision: GateDecision | None, folder: Path) -> dict[str, Any]:
    base = run.base_version
    (folder / BASE).write_bytes(_checkpoint(base))
    beside, file = (decision.incumbent if decision else base), BASE
    if beside.pk != base.pk:
        file = INCUMBENT
        (folder / file).write_bytes(_checkpoint(beside))
    return {
        "base": {"number": base.number, "sha256": base.checkpoint_sha256},
        "incumbent": {"number": beside.number, "sha256": beside.checkpoint_sha256, "file": file},
    }


def _facts(run: TrainingRun, candidate: ModelVersion, decision: GateDecision | None) -> dict[str, Any]:
    rule = run.rule
    return {
        "form": FORM,
        "run": {
            "id": str(run.pk), "number": run.number, "recipe": run.recipe, "seed": run.seed, "trigger": run.trigger,
            "created_at": run.created_at.isoformat(),
            "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        },
        "manifest_sha256": run.manifest_sha256,
        "candidate": {
            "number": candidate.number,
            "sha256": candidate.checkpoint_sha256,
            "stated_name": candidate.metadata.get("name", ""),
            "training": candidate.metadata.get("training", {}),
        },
        "rule": {"number": rule.number, "protocol": rule.protocol, "criteria": rule.criteria} if rule else None,
        "decision": {"verdict": decision.verdict, "criteria": decision.criteria} if decision else None,
        "evaluations": [
            {
                "part": one.part, "sha256": one.part_sha256, "figures": one.figures,
                "side": "candidate" if one.model_version_id == candidate.pk else "incumbent",
            }
            for one in run.evaluations.order_by("created_at", "pk")
        ],
        "report": run.report,
        "code": {"ml": code_version(), "python": platform.python_version(), "packages": _packages()},
    }  # fmt: skip


def _packages() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = installed(name)
        except ModuleNotFoundError:
            continue
    return found


def _checkpoint(version: ModelVersion) -> bytes:
    verify_stored_checkpoint(version)
    return _read(version.checkpoint)


def _read(field: Any) -> bytes:
    with field.open("rb") as stored:
        return bytes(stored.read())
