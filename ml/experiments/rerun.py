"""Runs an exported training run again, from its files alone, and compares what comes of it with what was recorded."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.calibration import probabilities
from ml.checkpoint import Checkpoint, TrainingHashes, read_checkpoint, replace_head
from ml.config import HeadRecipe, TuneRecipe, checked_recipe
from ml.evaluation import locked_reference, predict_levels
from ml.experiments.exported import ExportedImage, ExportedRun, ExportError
from ml.experiments.ship import code_version
from ml.experiments.tuning import Reviewed, tune_checkpoint
from ml.gate import Criterion, Locked, conclude, judge_parts
from ml.inference import OnnxPredictor
from ml.preprocessing import Levels
from ml.training import retrain_head

Floats = npt.NDArray[np.float32]

WITHIN: Final = 0.002
"""How far a figure may be from the recorded one: 0.2 points."""

OWN: Final = "test part of this platform"
_TOGETHER: Final = 256
# Bounds of intervals are no figures of their own; a curve's bins and a table's counts say again what the others say,
# and one image at a bin's edge moves them more than anything else.
_UNMEASURED: Final = ("interval", "intervals", "bootstrap", "reliability", "confusion", "ece_by_chance")


@dataclass(frozen=True)
class Difference:
    """A figure that came out otherwise than it was recorded by more than `WITHIN`; None is not there."""

    where: str
    recorded: float | None
    found: float | None


@dataclass
class Rerun:
    """What came of running it again.

    Attributes:
        compared: how many figures were compared.
        largest: the largest distance of a figure from the recorded one.
        different: those further away than allowed.
        head_equal: whether the head is the recorded one, bit by bit; None for a recipe that trains more than it.
        head_apart: the largest difference between the two heads.
        archive_equal: whether the whole archive has the recorded sha256.
        embeddings_apart: the largest difference between embeddings made from pixels and stored ones; None without.
        stored_equal: whether the head fitted to the stored embeddings is the recorded one, bit by bit; None where
            they were not tried.
        missing: images that the run used and that were hidden or removed since.
        verdict: of the gate, now and as it was recorded; its audits count as they were recorded.
        same_code: whether this package is, byte for byte, the one that wrote the export's code version.
    """

    compared: int = 0
    largest: float = 0.0
    different: list[Difference] = field(default_factory=list)
    head_equal: bool | None = None
    head_apart: float | None = None
    archive_equal: bool = False
    embeddings_apart: float | None = None
    stored_equal: bool | None = None
    missing: int = 0
    verdict: tuple[str, str] = ("", "")
    same_code: bool = True

    @property
    def agrees(self) -> bool:
        """Whether there was something to compare, and every figure agrees."""
        return self.compared > 0 and not self.different


def rerun(exported: ExportedRun, *, stored: bool = False) -> Rerun:
    """Trains and measures an exported run again.

    Args:
        stored: take the embeddings that were stored with the run, where there are any, not those of the pixels.

    Raises:
        InputError: the export cannot be run: no image to learn from is left, or its recipe is unknown.
    """
    base = read_checkpoint(exported.folder / "base.ckpt.zip")
    told = Rerun(missing=len(exported.missing()), same_code=exported.facts["code"]["ml"] == code_version())
    kind = exported.facts["run"]["recipe"].get("kind")
    if kind == "head":
        archive, embedded = _head(exported, base, told, stored=stored)
    elif kind == "fine_tune":
        archive, embedded = _tuned(exported, base), {}
    else:
        raise ExportError(f"This code knows no recipe {kind!r}.")
    candidate = read_checkpoint(archive)
    told.archive_equal = hashlib.sha256(archive).hexdigest() == exported.facts["candidate"]["sha256"]
    _compare_heads(exported, candidate, told, whole=kind == "head")
    locked = _locked_parts(exported, candidate, embedded)
    _compare_figures(exported, locked, told)
    criteria = (exported.facts.get("rule") or {}).get("criteria") or {}
    found = judge_parts(locked, criteria=criteria, seed=exported.facts["run"]["seed"])
    decision = exported.facts.get("decision") or {}
    told.verdict = (_verdict(found.criteria, decision), decision.get("verdict", ""))
    return told


def _verdict(found: Sequence[Criterion], decision: dict[str, Any]) -> str:
    """The verdict on what was measured again; audits, which need more than the figures, count as they were recorded."""
    known = {one.name for one in found}
    audits = [
        Criterion(one["name"], one["answer"], one["sentence"], one.get("figures") or {})
        for one in decision.get("criteria", [])
        if one["name"] not in known
    ]
    return str(conclude((*found, *audits)))


def _head(
    exported: ExportedRun, base: Checkpoint, told: Rerun, *, stored: bool
) -> tuple[bytes, dict[str, Floats]]:
    known = exported.stored_embeddings()
    used = [image for part in ("train", "validation", "test") for image in exported.part(part)]
    if stored:
        lacking = [image for image in used if image.pixel_sha256 not in known]
        embedded = known | _embedded(exported, base, lacking)
    else:
        embedded = _embedded(exported, base, used)
        told.embeddings_apart = _apart(embedded, known)
        told.stored_equal = _stored_head_equal(exported, base, known)
    kernel, bias = _fitted(exported, base, embedded)
    seen = [*exported.part("train"), *exported.part("validation")]
    taught = TrainingHashes(
        tuple(image.pixel_sha256 for image in seen), np.array([image.phash for image in seen], np.uint64)
    )
    facts = {"training": exported.facts["candidate"]["training"]}
    return replace_head(base, kernel, bias, facts, taught=taught), embedded


def _fitted(exported: ExportedRun, base: Checkpoint, embedded: dict[str, Floats]) -> tuple[Floats, Floats]:
    train, validation = exported.part("train"), exported.part("validation")
    if not train:
        raise ExportError("None of the images that the run learned from is left, so it cannot be run again.")
    run = exported.facts["run"]
    options = {name: value for name, value in run["recipe"].items() if name != "kind"}
    watched = (_stacked(validation, embedded), _labels(validation)) if validation else None
    head = retrain_head(
        base,
        _stacked(train, embedded),
        _labels(train),
        groups=[image.group for image in train],
        sample_weight=[image.weight for image in train],
        hashes=[image.pixel_sha256 for image in train],
        validation=watched,
        seed=run["seed"],
        recipe=checked_recipe(HeadRecipe, options),
        bootstrap=0,
    )
    return head.kernel, head.bias


def _stored_head_equal(exported: ExportedRun, base: Checkpoint, known: dict[str, Floats]) -> bool | None:
    """Whether the fit itself gives the same bits, whatever this machine makes of pixels."""
    learned = [*exported.part("train"), *exported.part("validation")]
    if exported.missing() or not all(image.pixel_sha256 in known for image in learned):
        return None
    return _same(_fitted(exported, base, known), exported.head())


def _tuned(exported: ExportedRun, base: Checkpoint) -> bytes:
    run, candidate = exported.facts["run"], exported.facts["candidate"]
    options = {name: value for name, value in run["recipe"].items() if name != "kind"}
    with tempfile.TemporaryDirectory() as state:
        tuned = tune_checkpoint(
            base,
            *(_reviewed(exported, base, exported.part(part)) for part in ("train", "validation", "test")),
            recipe=checked_recipe(TuneRecipe, options),
            seed=run["seed"],
            state=Path(state),
            metadata={"name": candidate["stated_name"], "training": candidate["training"]},
        )
    return tuned.archive


def _reviewed(exported: ExportedRun, base: Checkpoint, images: Sequence[ExportedImage]) -> Reviewed:
    return Reviewed(
        levels=_levels(exported, base, images),
        labels=_labels(images),
        hashes=tuple(image.pixel_sha256 for image in images),
        phash=np.array([image.phash for image in images], np.uint64),
        groups=tuple(image.group for image in images),
        weights=np.array([image.weight for image in images], np.float64),
    )


def _locked_parts(exported: ExportedRun, candidate: Checkpoint, embedded: dict[str, Floats]) -> list[Locked]:
    """The parts that both sides are measured on, as the run's worker puts them together.

    Args:
        embedded: what the candidate's network makes of the test part; empty where that is a network of its own.
    """
    incumbent = read_checkpoint(exported.incumbent())
    # What was hidden since was measured in the run's own part, and in no other.
    measured = [image.pixel_sha256 for image in exported.images if image.used_as == "test"]
    reference = locked_reference(candidate, incumbent, elsewhere=measured)
    found = [reference] if reference else []
    if test := exported.part("test"):
        hashes = sorted(image.pixel_sha256 for image in test)
        ours = embedded or _embedded(exported, candidate, test)
        same = incumbent.sha256 == exported.facts["base"]["sha256"] and embedded
        theirs = embedded if same else _embedded(exported, incumbent, test)
        found.append(
            Locked(
                OWN,
                hashlib.sha256("".join(hashes).encode()).hexdigest(),
                _answers(candidate, _stacked(test, ours)),
                _answers(incumbent, _stacked(test, theirs)),
                _labels(test),
                tuple(image.group for image in test),
            )
        )
    return found


def _answers(checkpoint: Checkpoint, embeddings: Floats) -> npt.NDArray[np.float64]:
    kernel, bias = checkpoint.head()
    return probabilities(embeddings @ kernel + bias, checkpoint.temperature)


def _embedded(
    exported: ExportedRun, checkpoint: Checkpoint, images: Sequence[ExportedImage]
) -> dict[str, Floats]:
    """What a checkpoint's network makes of images, by pixel sha256; a few hundred are in memory at a time."""
    predictor = OnnxPredictor(checkpoint)
    found: dict[str, Floats] = {}
    for some in batched(images, _TOGETHER):
        made = predict_levels(predictor, _levels(exported, checkpoint, some))["embeddings"]
        found |= {image.pixel_sha256: row for image, row in zip(some, made, strict=True)}
    return found


def _levels(exported: ExportedRun, checkpoint: Checkpoint, images: Sequence[ExportedImage]) -> Levels:
    how = checkpoint.preprocessing
    made = [how.levels(exported.pixels(image), image.bits, image.window) for image in images]
    return np.array(made, np.uint8).reshape(len(images), how.size, how.size)


def _stacked(images: Sequence[ExportedImage], embedded: dict[str, Floats]) -> Floats:
    return np.stack([embedded[image.pixel_sha256] for image in images]).astype(np.float32)


def _labels(images: Sequence[ExportedImage]) -> npt.NDArray[np.int64]:
    return np.array([image.index for image in images], np.int64)


def _apart(embedded: dict[str, Floats], known: dict[str, Floats]) -> float | None:
    both = embedded.keys() & known.keys()
    return max((float(np.abs(embedded[name] - known[name]).max()) for name in both), default=None)


def _same(one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def _compare_heads(exported: ExportedRun, candidate: Checkpoint, told: Rerun, *, whole: bool) -> None:
    recorded, found = exported.head(), candidate.head()
    if [one.shape for one in recorded] != [one.shape for one in found]:
        return
    told.head_apart = max(
        float(np.abs(one - other).max()) for one, other in zip(recorded, found, strict=True)
    )
    told.head_equal = _same(recorded, found) if whole else None


def _compare_figures(exported: ExportedRun, locked: Sequence[Locked], told: Rerun) -> None:
    """Each figure of each side on each part, against what was recorded; a part that is not there any more differs."""
    seed = exported.facts["run"]["seed"]
    parts = {one.name: one for one in locked}
    for recorded in exported.facts["evaluations"]:
        part = parts.get(recorded["part"])
        made = dict(_leaves(part.figures(recorded["side"], seed=seed))) if part else {}
        name = f"{recorded['side']}, {recorded['part']}"
        for where, value in _leaves(recorded["figures"]):
            told.compared += 1
            _compare(told, f"{name}: {where}", value, made.get(where))


def _compare(told: Rerun, where: str, recorded: float, found: float | None) -> None:
    if found is None:
        told.different.append(Difference(where, recorded, None))
        return
    away = abs(recorded - found) / max(1.0, abs(recorded))
    told.largest = max(told.largest, away)
    if not away <= WITHIN:
        told.different.append(Difference(where, recorded, found))


def _leaves(figures: Any, where: str = "") -> Iterator[tuple[str, float]]:
    """Every number of figures that is compared, with its place."""
    if isinstance(figures, dict):
        for name, value in figures.items():
            if name not in _UNMEASURED:
                yield from _leaves(value, f"{where}.{name}".lstrip("."))
    elif isinstance(figures, list):
        for place, value in enumerate(figures):
            yield from _leaves(value, f"{where}[{place}]")
    elif isinstance(figures, int | float) and not isinstance(figures, bool):
        yield where, float(figures)
