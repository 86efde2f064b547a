"""What a run learns from and is measured on, and what became of every line of its manifest."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from classifier.engine import LoadedModel, require_pixels
from classifier.exceptions import PlatformError
from classifier.jobs.training.live import Reporter
from classifier.jobs.training.manifest import EXCLUDED, Line, find_images, read_lines
from classifier.models import Image, JobStatus, ModelVersion, Prediction, RunStatus, TrainingRun
from classifier.services.training import HEAD
from ml.checkpoint import Checkpoint
from ml.duplicates import whole_groups
from ml.labels import CLASSES

Floats = npt.NDArray[np.float32]

# Images that are looked up, and computed where nothing is stored of them, together.
TOGETHER: Final = 256

type Found[Value] = Iterator[tuple[Line, Image | None, Value | PlatformError]]


@dataclass
class Part[Value]:
    """The images of one part: their lines in the manifest's order, and what the run takes of each."""

    lines: list[Line] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines)

    def add(self, line: Line, image: Image, value: Value) -> None:
        self.lines.append(line)
        self.images.append(image)
        self.values.append(value)

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Class indices (n,)."""
        return np.array([CLASSES.index(line.label) for line in self.lines], np.int64)

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """What each image counts for (n,)."""
        return np.array([line.weight for line in self.lines], np.float64)

    @property
    def hashes(self) -> tuple[str, ...]:
        """Pixel sha256 of each."""
        return tuple(line.pixel_sha256 for line in self.lines)

    @property
    def clusters(self) -> tuple[str, ...]:
        """The near-duplicates that each belongs to; what an older manifest does not say, the platform's image does."""
        pairs = zip(self.lines, self.images, strict=True)
        return tuple(line.cluster or str(image.cluster) for line, image in pairs)

    @property
    def groups(self) -> tuple[str, ...]:
        """What is never taken as independent: images of one subject and of one cluster, however they hang together."""
        return whole_groups(self.clusters, [image.study.subject_key for image in self.images])


@dataclass
class Examples[Value]:
    """What the run trains on, and what became of every line of its manifest.

    Attributes:
        trace: one object for each line, in order: `image`, `pixel_sha256`, `label`, `used_as`, `reason`.
    """

    train: Part[Value] = field(default_factory=Part)
    validation: Part[Value] = field(default_factory=Part)
    test: Part[Value] = field(default_factory=Part)
    trace: list[dict[str, str]] = field(default_factory=list)

    def part(self, split: str) -> Part[Value]:
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]


class Embedder:
    """Embeddings of images by one version: those that it stored, and others computed with it now.

    Attributes:
        stored, computed: how many there were of each.
    """

    def __init__(self, version: ModelVersion, model: LoadedModel) -> None:
        self.version, self.model = version, model
        self.stored = self.computed = 0
        self._same_features = same_features(version)

    def __call__(self, images: Sequence[Image]) -> Iterator[Floats | PlatformError]:
        """The embedding (D,) of each image, or why there is none."""
        known = self._known(images)
        for image in images:
            try:
                require_pixels(image)
                found = known.get(image.pk)
                if found is None:
                    found = self.model.predict([self.model.prepare(image)])[0].embedding
                    self.computed += 1
                else:
                    self.stored += 1
                yield found
            except PlatformError as refusal:
                yield refusal

    def _known(self, images: Sequence[Image]) -> dict[UUID, Floats]:
        """What was stored with predictions, whether those are the answer or a comparison; the version's own last."""
        rows = Prediction.objects.filter(
            image__in=images,
            model_version__in=self._same_features,
            status=JobStatus.SUCCEEDED,
            embedding__isnull=False,
        ).only("image", "model_version", "embedding")
        known: dict[UUID, Floats] = {}
        for row in sorted(rows, key=lambda row: row.model_version_id == self.version.pk):
            if (embedding := row.embedding_array()) is not None:
                known[row.image_id] = embedding
        return known


def same_features(version: ModelVersion) -> list[ModelVersion]:
    """The versions that differ from this one in nothing but the head: their embeddings are its own.

    A run of the head keeps every other weight of its base byte for byte. No other kinship counts: a network that was
    tuned sees other features, whatever it was tuned from.
    """
    edges = TrainingRun.objects.filter(status=RunStatus.SUCCEEDED, recipe__kind=HEAD, versions__isnull=False)
    beside: dict[UUID, set[UUID]] = {}
    for base, made in edges.values_list("base_version", "versions"):
        beside.setdefault(base, set()).add(made)
        beside.setdefault(made, set()).add(base)
    found, edge = {version.pk}, [version.pk]
    while edge:
        more = beside.get(edge.pop(), set()) - found
        found |= more
        edge.extend(more)
    return list(ModelVersion.objects.filter(pk__in=found))


def gather[Value](
    run: TrainingRun,
    fetch: Callable[[Sequence[Image]], Iterator[Value | PlatformError]],
    reporter: Reporter,
    *,
    known: Mapping[str, str],
    measured: frozenset[str] = frozenset(),
) -> Examples[Value]:
    """What the run takes of each image of its manifest; every line is traced as used or with why not.

    Thousands of images that the base version has not answered take longer than a lease, hence the signs on the way.

    Args:
        fetch: makes what the run needs of images: embeddings, or the network's input.
        known: why an image tests nothing, by the pixel sha256 of those that one of the sides was trained on.
        measured: pixel sha256 of what else the candidate is measured on; no image of it is learned from.
    """
    lines = read_lines(run)
    examples: Examples[Value] = Examples()
    fetched = _fetched(lines, find_images(run, lines), fetch, known, measured)
    for done, (line, image, value) in enumerate(fetched, start=1):
        examples.trace.append(_place(examples, line, image, value) | _here(image))
        reporter.tick()
        if done % TOGETHER == 0 or done == len(lines):
            reporter.step({"step": done, "steps": len(lines)})
    return examples


def taught_to(base: Checkpoint, incumbent: Checkpoint) -> dict[str, str]:
    """Why an image tests nothing, by the pixel sha256 of what either side was trained on."""
    sides = ((incumbent, "the version in force was"), (base, "the base version was"))
    return {
        pixels: f"{who} trained on this image, so it cannot test it"
        for checkpoint, who in sides
        for pixels in checkpoint.training_hashes().sha256
    }


def _place[Value](
    examples: Examples[Value], line: Line, image: Image | None, value: Value | PlatformError
) -> dict[str, str]:
    if isinstance(value, PlatformError):
        return line.trace(EXCLUDED, value.sentence)
    if image is None:
        raise RuntimeError("What was fetched without an image is a refusal.")
    examples.part(line.split).add(line, image, value)
    return line.trace(line.split)


def _here(image: Image | None) -> dict[str, str]:
    """The image by its identifier on this platform; an imported manifest has that of another."""
    return {} if image is None else {"image": str(image.pk)}


def _fetched[Value](
    lines: Iterable[Line],
    images: dict[int, Image],
    fetch: Callable[[Sequence[Image]], Iterator[Value | PlatformError]],
    known: Mapping[str, str],
    measured: frozenset[str],
) -> Found[Value]:
    for some in batched(lines, TOGETHER):
        refused = {line.number: _refusal(line, images.get(line.number), known, measured) for line in some}
        wanted = [line.number for line in some if refused[line.number] is None]
        values = dict(zip(wanted, fetch([images[number] for number in wanted]), strict=True))
        for line in some:
            yield line, images.get(line.number), refused[line.number] or values[line.number]


def _refusal(
    line: Line, image: Image | None, known: Mapping[str, str], measured: frozenset[str]
) -> PlatformError | None:
    """Why a line is not used as what it is for; None where it is."""
    if line.split == EXCLUDED:
        return PlatformError(line.reason or "excluded by the label set")
    if line.split == "test" and line.pixel_sha256 in known:
        return PlatformError(known[line.pixel_sha256])
    if line.split != "test" and line.pixel_sha256 in measured:
        return PlatformError("this image is in the part that the candidate is measured on")
    if image is None:
        return PlatformError("the image is no longer in the platform")
    return None
