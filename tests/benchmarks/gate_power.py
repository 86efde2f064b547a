"""How often the gate passes, fails, or says that it cannot tell: candidates of known worth, by size of the locked part.

    python -m tests.benchmarks.gate_power [--draws 200] [--json FILE]

Each draw is another locked part: subjects of the shipped reference part, drawn with replacement, with what the
shipped model answers for them. The candidate's logits are the same but for noise, of which half is shared by the
images of a subject, so that what it names otherwise lies near the borders between classes and comes in clusters, as
with a head that was trained anew. A worse candidate gives the true class less, everywhere or among meningiomas, by
just so much that it loses the points that are stated, over the whole reference part.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.calibration import probabilities
from ml.checkpoint import read_checkpoint
from ml.config import SHIPPED_CHECKPOINT
from ml.evaluation import head_probabilities
from ml.gate import judge
from ml.labels import CLASSES

MENINGIOMA = CLASSES.index("meningioma")
WHOLE = 205
TRIED = 5


@dataclass(frozen=True)
class Candidate:
    """What a candidate loses of all images, or of meningiomas, and the share that it loses and wins beside that."""

    name: str
    loss: float = 0.0
    class_loss: float = 0.0
    churn: float = 0.005
    subjects: int = WHOLE


CANDIDATES = (
    Candidate("the same answers", churn=0),
    Candidate("equal, 0.5 % named otherwise each way"),
    Candidate("equal, 1 % named otherwise each way", churn=0.01),
    Candidate("worse by 1 point", loss=0.01),
    Candidate("worse by 2 points", loss=0.02),
    Candidate("worse by 5 points", loss=0.05),
    Candidate("meningioma worse by 5 points", class_loss=0.05),
    Candidate("meningioma worse by 10 points", class_loss=0.10),
    Candidate("equal, 0.5 % each way", subjects=50),
    Candidate("equal, 0.5 % each way", subjects=100),
    Candidate("equal, 0.5 % each way", subjects=400),
    Candidate("worse by 2 points", loss=0.02, subjects=400),
)


@dataclass(frozen=True)
class Locked:
    """The reference part: the shipped model's logits, class indices and the subject of each image."""

    logits: np.ndarray
    labels: np.ndarray
    subject: np.ndarray

    def drawn(self, count: int, rng: np.random.Generator) -> Locked:
        """As many subjects, drawn with replacement; one that comes twice is two."""
        of = [np.flatnonzero(self.subject == number) for number in range(int(self.subject.max()) + 1)]
        chosen = [of[int(number)] for number in rng.integers(0, len(of), count)]
        places = np.concatenate(chosen)
        return Locked(
            self.logits[places],
            self.labels[places],
            np.repeat(np.arange(count), [len(one) for one in chosen]),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    checkpoint = read_checkpoint(SHIPPED_CHECKPOINT)
    reference = checkpoint.reference()
    scores = head_probabilities(checkpoint, reference)
    subject = np.unique(reference.groups, return_inverse=True)[1]
    whole = Locked(np.log(np.clip(scores, 1e-9, 1)), reference.labels, subject)
    rows = []
    for candidate in CANDIDATES:
        noise, push = _tuned(whole, candidate)
        found = [_draw(whole, candidate, noise, push, seed) for seed in range(options.draws)]
        verdicts = Counter(verdict for verdict, _ in found)
        row = {
            "candidate": candidate.name, "subjects": candidate.subjects, "noise": noise, "push": push,
            **{name: verdicts[name] / options.draws for name in ("pass", "insufficient", "fail")},
            "undecided": dict(Counter(name for _, names in found for name in names).most_common(3)),
        }  # fmt: skip
        rows.append(row)
        print(json.dumps(row), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"draws": options.draws, "rows": rows}, indent=1) + "\n")


def _draw(whole: Locked, candidate: Candidate, noise: float, push: float, seed: int) -> tuple[str, list[str]]:
    """The verdict over one draw, and the criteria that did not pass."""
    rng = np.random.default_rng((seed, candidate.subjects))
    part = whole.drawn(candidate.subjects, rng)
    ours = _candidate(part, candidate, noise, push, rng)
    theirs = probabilities(part.logits)
    found = judge(ours, theirs, part.labels, [str(number) for number in part.subject], seed=seed)
    return found.verdict, [one.name for one in found.criteria if one.answer in ("fail", "insufficient")]


def _candidate(
    part: Locked, candidate: Candidate, noise: float, push: float, rng: np.random.Generator
) -> np.ndarray:
    size = (int(part.subject.max()) + 1, len(CLASSES))
    shared = rng.normal(0, noise / np.sqrt(2), size)[part.subject]
    changed = part.logits + shared + rng.normal(0, noise / np.sqrt(2), part.logits.shape)
    away = (
        np.where(part.labels == MENINGIOMA, push, 0.0)
        if candidate.class_loss
        else np.full(len(part.labels), push)
    )
    changed[np.arange(len(part.labels)), part.labels] -= away
    return probabilities(changed)


def _tuned(whole: Locked, candidate: Candidate) -> tuple[float, float]:
    """Noise that names the stated share otherwise, and the push that then loses the stated points."""
    if not candidate.churn:
        return 0.0, 0.0
    equal = Candidate("", churn=candidate.churn)
    noise = _solve(lambda level: _lost(whole, equal, level, 0.0)[0] - candidate.churn, 0, 20)
    own = candidate.class_loss or candidate.loss
    # Noise alone loses a little more than it wins, since most answers are right: the push makes up for that too.
    push = _solve(lambda level: _lost(whole, candidate, noise, level)[1] - own, -5, 20)
    return noise, push


def _lost(whole: Locked, candidate: Candidate, noise: float, push: float) -> tuple[float, float]:
    """Share of images lost, and lost less won of those that the loss is stated of; means over several tries."""
    right = whole.logits.argmax(axis=1) == whole.labels
    asked = whole.labels == MENINGIOMA if candidate.class_loss else np.ones(len(right), bool)
    found = []
    for seed in range(TRIED):
        ours = _candidate(whole, candidate, noise, push, np.random.default_rng(seed))
        kept = ours.argmax(axis=1) == whole.labels
        found.append(((right & ~kept).mean(), right[asked].mean() - kept[asked].mean()))
    return tuple(np.mean(found, axis=0))


def _solve(of: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if of(middle) < 0 else (low, middle)
    return (low + high) / 2


if __name__ == "__main__":
    main()
