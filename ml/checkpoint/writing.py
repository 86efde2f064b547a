"""Writing a checkpoint, and writing one again with another head."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from ml.checkpoint import graph
from ml.checkpoint.archive import Checkpoint
from ml.checkpoint.arrays import pack, pack_hashes
from ml.checkpoint.errors import CheckpointError
from ml.checkpoint.members import (
    GOLDEN,
    HASHES,
    METADATA,
    NOVELTY,
    ONNX,
    REFERENCE,
    REPLAY,
    WEIGHTS,
    Floats,
    Reference,
    Replay,
    TrainingHashes,
)
from ml.checkpoint.reading import SCHEMA
from ml.checkpoint.signatures import reader_with_signatures, signature_layers
from ml.checkpoint.weights import weights_to_bytes
from ml.labels import CLASSES
from ml.novelty import Novelty
from ml.preprocessing import Levels, Preprocessing, scale

if TYPE_CHECKING:
    from ml.networks import Network

EQUAL_WITHIN: Final = 1e-5
"""The largest difference between Keras and ONNX Runtime on the golden inputs; see `differences`."""

_SMALLEST: Final = 9
_QUICK: Final = 4
"""How hard an archive is packed: what ships as small as can be; a new head, of which there are many, a twentieth
larger in a sixth of the time."""

_GOLDEN_SEED: Final = 7
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def write_checkpoint(
    *,
    network: Network,
    onnx: bytes,
    preprocessing: Preprocessing,
    replay: Replay,
    reference: Reference,
    training_hashes: TrainingHashes,
    metadata: dict[str, Any],
    novelty: Novelty | None = None,
) -> bytes:
    """Returns the archive of a trained network; the same input gives the same bytes.

    Args:
        network: built for `preprocessing.size`, with the temperature that `metadata` states.
        onnx: its export (`ml.export.export_onnx`).
        metadata: at least `calibration` {"temperature"}; may add name, recipe, seed, code version, manifest hash,
            figures and intended use. What `novelty` was fitted on may stand under that key.
        novelty: fitted on the signatures of `ml.checkpoint.signature_layers(network)`, which `onnx` gives too.

    Raises:
        CheckpointError: when Keras and the export differ on the golden inputs.
    """
    layers = signature_layers(network) if novelty is not None else ()
    members = {
        WEIGHTS: weights_to_bytes(network.trainable),
        ONNX: onnx,
        GOLDEN: _golden(network, onnx, preprocessing, novelty, layers),
        REPLAY: pack(
            {
                "embeddings": replay.embeddings.astype(np.float16),
                "labels": replay.labels.astype(np.uint8),
                "hashes": pack_hashes(replay.hashes),
            }
        ),
        REFERENCE: pack(
            {
                "embeddings": reference.embeddings.astype(np.float16),
                "labels": reference.labels.astype(np.uint8),
                "groups": np.array(reference.groups, str),
                "hashes": pack_hashes(reference.hashes),
            }
        ),
        HASHES: _packed(training_hashes),
    }
    size = preprocessing.size
    stated = {**metadata}
    stated.pop("novelty", None)
    if novelty is not None:
        members[NOVELTY] = pack({"mean": novelty.mean, "whitening": novelty.whitening})
        stated["novelty"] = {**metadata.get("novelty", {}), **novelty.facts(), "layers": list(layers)}
    stated |= {
        "network": network.spec.model_dump(mode="json"),
        "schema": SCHEMA,
        "classes": list(CLASSES),
        "input": {"height": size, "width": size, "channels": 1},
        "preprocessing": preprocessing.to_dict(),
        "preprocessing_sha256": preprocessing.sha256(),
    }
    return _archive(members, stated)


def replace_head(
    checkpoint: Checkpoint,
    kernel: npt.ArrayLike,
    bias: npt.ArrayLike,
    metadata_updates: dict[str, Any] | None = None,
    taught: TrainingHashes | None = None,
) -> bytes:
    """Returns a new archive with another head in both the Keras weights and the ONNX export.

    Args:
        kernel: (D, 4).
        bias: (4,).
        metadata_updates: laid over the metadata; `parent_sha256` is added.
        taught: images that the new head was made with; their hashes join those of the training images.

    Raises:
        CheckpointError: for a head of another shape, one that is not finite, or runtimes that differ.
    """
    new = (np.asarray(kernel, np.float32), np.asarray(bias, np.float32))
    for given, old in zip(new, checkpoint.head(), strict=True):
        if given.shape != old.shape or not np.isfinite(given).all():
            raise CheckpointError(
                f"The new head must be finite numbers of shape {old.shape}, got {given.shape}."
            )
    network = checkpoint.build_network()
    network.head.set_weights(list(new))
    onnx = graph.with_head(checkpoint.onnx, *new)
    members = {name: data for name, data in checkpoint.members.items() if name != METADATA}
    members[WEIGHTS] = weights_to_bytes(network.trainable)
    members[ONNX] = onnx
    if taught is not None:
        members[HASHES] = _packed(joined(checkpoint.training_hashes(), taught))
    members[GOLDEN] = _golden(
        network, onnx, checkpoint.preprocessing, checkpoint.novelty(), checkpoint.signature_layers
    )
    metadata = {**checkpoint.metadata, **(metadata_updates or {}), "parent_sha256": checkpoint.sha256}
    return _archive(members, metadata, _QUICK)


def joined(known: TrainingHashes, more: TrainingHashes) -> TrainingHashes:
    """Returns the hashes of both, each image once; those of `known` first."""
    seen = set(known.sha256)
    new = {name: value for name, value in zip(more.sha256, more.phash, strict=True) if name not in seen}
    phash = np.concatenate((known.phash, np.array(list(new.values()), np.uint64)))
    return TrainingHashes((*known.sha256, *new), phash)


def _packed(hashes: TrainingHashes) -> bytes:
    return pack({"sha256": pack_hashes(hashes.sha256), "phash": hashes.phash.astype(np.uint64)})


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, float]:
    """Returns the largest difference by output of both, relative to the largest value of that output where above 1.

    Outputs of different shapes differ by infinity.

    Maps sum 1280 products, some of them large, to values near zero: what rounding leaves there is in
    proportion to the map's own range, so that is what it is measured by.
    """
    return {
        name: _difference(ours[name], theirs[name])
        for name in ("probabilities", "maps", "embeddings", "novelty")
        if ours.get(name) is not None and theirs.get(name) is not None
    }


def _difference(ours: Floats, theirs: Floats) -> float:
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.abs(ours - theirs).max() / max(1.0, float(np.abs(theirs).max())))


def golden_pixels(count: int = 4, height: int = 288, width: int = 256) -> Levels:
    """Draws head-like ellipses with texture, uint8 (count, height, width): no patient's image, always the same."""
    rng = np.random.default_rng(_GOLDEN_SEED)
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float64)
    images = []
    for _ in range(count):
        cy, cx = height * rng.uniform(0.45, 0.55), width * rng.uniform(0.45, 0.55)
        ry, rx = height * rng.uniform(0.3, 0.42), width * rng.uniform(0.3, 0.42)
        radius = np.hypot((ys - cy) / ry, (xs - cx) / rx)
        image = np.where(radius < 1, 70.0 + 40 * np.cos(9 * radius), 4.0)
        image[(radius > 0.9) & (radius < 1)] = 170
        blob = np.hypot(ys - cy - ry * rng.uniform(-0.5, 0.5), xs - cx - rx * rng.uniform(-0.5, 0.5))
        image += 110 * np.exp(-((blob / rng.uniform(8, 22)) ** 2)) + rng.integers(-6, 7, image.shape)
        images.append(np.clip(image, 0, 255).astype(np.uint8))
    return np.stack(images)


def _golden(
    network: Network,
    onnx: bytes,
    preprocessing: Preprocessing,
    novelty: Novelty | None,
    layers: tuple[str, ...],
) -> bytes:
    pixels = golden_pixels()
    levels = np.stack([preprocessing.levels(image) for image in pixels])
    batch = scale(levels)
    served = graph.answer(graph.open_session(onnx), batch)
    trained: dict[str, Floats] = reader_with_signatures(network, layers).predict_on_batch(batch)
    if novelty is not None:
        served["novelty"] = novelty.scores(served[graph.SIGNATURES])
        trained["novelty"] = novelty.scores(trained[graph.SIGNATURES])
    demand_equal(differences(served, trained), "Keras and the ONNX export differ on the golden inputs")
    served.pop(graph.SIGNATURES, None)
    return pack({"pixels": pixels, "levels": levels, **served})


def demand_equal(worst: dict[str, float], otherwise: str, within: float = EQUAL_WITHIN) -> None:
    """Raises `CheckpointError` when `differences` are larger than `within`; for novelty, than a third of its root.

    Whitening stretches what rounding leaves, so novelty scores, which are about 1, differ by more.
    """
    bounds = {name: np.sqrt(within) / 3 if name == "novelty" else within for name in worst}
    # The comparison is this way round because a difference that is no number is above no bound.
    if not all(away <= bounds[name] for name, away in worst.items()):
        raise CheckpointError(f"{otherwise}: {worst}.")


def _archive(members: dict[str, bytes], metadata: dict[str, Any], level: int = _SMALLEST) -> bytes:
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    text = json.dumps({**metadata, "members": hashes}, indent=1, sort_keys=True)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, data in sorted({**members, METADATA: text.encode()}.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data, compresslevel=level)
    return file.getvalue()
