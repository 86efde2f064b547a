"""Reading a checkpoint: every member verified by sha256 before anything is made of it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from ml.checkpoint import graph
from ml.checkpoint.arrays import unpack, unpack_hashes
from ml.checkpoint.errors import CheckpointError
from ml.checkpoint.foreign import refusal
from ml.checkpoint.signatures import reader_with_signatures
from ml.checkpoint.weights import load_weights
from ml.config import ConfigError, network_spec
from ml.labels import CLASSES
from ml.novelty import METHOD, Novelty
from ml.preprocessing import Levels, Preprocessing, PreprocessingError

if TYPE_CHECKING:
    import keras

    from ml.networks import Network

SCHEMA: Final = 2
READABLE: Final = (1, 2)
"""Schema 1 has no novelty, and names its network without a specification."""

METADATA, WEIGHTS, ONNX = "metadata.json", "model.weights.h5", "model.onnx"
GOLDEN, REPLAY, REFERENCE, HASHES = "golden.npz", "replay.npz", "reference.npz", "training_hashes.npz"
NOVELTY: Final = "novelty.npz"
MEMBERS: Final = frozenset({METADATA, WEIGHTS, ONNX, GOLDEN, REPLAY, REFERENCE, HASHES})
"""What every checkpoint has; one that knows what is no brain MRI has `novelty.npz` too."""

LARGEST_BYTES: Final = 256 * 2**20

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Golden:
    """Synthetic images and what the model answered when the checkpoint was made.

    Attributes:
        pixels: uint8 (K, H, W), canonical.
        levels: uint8 (K, S, S), after preprocessing, before scaling.
        probabilities, maps, embeddings: float32 outputs for them.
        novelty: float32 (K,) scores of them, where the checkpoint tells novelty.
    """

    pixels: Levels
    levels: Levels
    probabilities: Floats
    maps: Floats
    embeddings: Floats
    novelty: Floats | None = None


@dataclass(frozen=True)
class Replay:
    """A stratified sample of the training images: embeddings (N, D), class indices (N,), pixel sha256."""

    embeddings: Floats
    labels: npt.NDArray[np.int64]
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class Reference:
    """Images the network never saw: embeddings (N, D), class indices (N,), subject groups, pixel sha256."""

    embeddings: Floats
    labels: npt.NDArray[np.int64]
    groups: tuple[str, ...]
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class TrainingHashes:
    """Of every training image: pixel sha256 and perceptual hash uint64 (N,)."""

    sha256: tuple[str, ...]
    phash: npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint. What it holds is read from its members when asked for.

    Attributes:
        sha256: of the archive; it names the checkpoint.
        metadata: the content of metadata.json.
        preprocessing: the specification, verified by its hash.
        members: the bytes of every member.
    """

    sha256: str
    metadata: dict[str, Any]
    preprocessing: Preprocessing
    members: dict[str, bytes]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in output order."""
        return tuple(self.metadata["classes"])

    @property
    def temperature(self) -> float:
        """What the logits are divided by."""
        return float(self.metadata["calibration"]["temperature"])

    @property
    def tells_novelty(self) -> bool:
        """Whether it can say that an image is no brain MRI."""
        return NOVELTY in self.members

    @property
    def signature_layers(self) -> tuple[str, ...]:
        """The layers whose activations make the signatures that novelty is told by."""
        return tuple(self.metadata["novelty"]["layers"]) if self.tells_novelty else ()

    @property
    def onnx(self) -> bytes:
        """The ONNX export."""
        return self.members[ONNX]

    def golden(self) -> Golden:
        """Returns the golden inputs and outputs."""
        names = ["pixels", "levels", "probabilities", "maps", "embeddings"]
        return Golden(**unpack(self.members[GOLDEN], names + ["novelty"] * self.tells_novelty, GOLDEN))

    def novelty(self) -> Novelty | None:
        """Returns what tells a brain MRI from anything else; None where the checkpoint cannot."""
        if not self.tells_novelty:
            return None
        found = unpack(self.members[NOVELTY], ("mean", "whitening"), NOVELTY)
        return Novelty(found["mean"], found["whitening"], float(self.metadata["novelty"]["threshold"]))

    def replay(self) -> Replay:
        """Returns the replay sample."""
        found = unpack(self.members[REPLAY], ("embeddings", "labels", "hashes"), REPLAY)
        return Replay(
            found["embeddings"].astype(np.float32),
            found["labels"].astype(np.int64),
            unpack_hashes(found["hashes"]),
        )

    def reference(self) -> Reference:
        """Returns the reference part."""
        found = unpack(self.members[REFERENCE], ("embeddings", "labels", "groups", "hashes"), REFERENCE)
        return Reference(
            found["embeddings"].astype(np.float32),
            found["labels"].astype(np.int64),
            tuple(str(group) for group in found["groups"]),
            unpack_hashes(found["hashes"]),
        )

    def training_hashes(self) -> TrainingHashes:
        """Returns the hashes of the training images."""
        found = unpack(self.members[HASHES], ("sha256", "phash"), HASHES)
        return TrainingHashes(unpack_hashes(found["sha256"]), found["phash"].astype(np.uint64))

    def head(self) -> tuple[Floats, Floats]:
        """Returns the head in force: kernel (D, 4) and bias (4,)."""
        return graph.read_head(self.onnx)

    def build_network(self) -> Network:
        """Builds the network with our own code and fills it with the stored weights."""
        # Here and not above: Keras costs seconds and 700 MB, and who serves the ONNX export never needs it.
        from ml.networks import NetworkError, build_network

        try:
            network = build_network(
                network_spec(self.metadata["network"]),
                size=self.preprocessing.size,
                temperature=self.temperature,
            )
        except (ConfigError, NetworkError) as error:
            raise CheckpointError(f"The checkpoint cannot be built: {error}") from error
        load_weights(network.trainable, self.members[WEIGHTS])
        return network

    def build_model(self) -> keras.Model:
        """Returns the Keras model: `probabilities`, `maps`, `embeddings` and, where it tells novelty, `signatures`."""
        return reader_with_signatures(self.build_network(), self.signature_layers)


def read_checkpoint(data: bytes | Path, expected_sha256: str | None = None) -> Checkpoint:
    """Reads and verifies a checkpoint.

    Args:
        data: the archive, or its path.
        expected_sha256: what the archive must hash to.

    Raises:
        CheckpointError: with a sentence that says what is wrong.
    """
    path, data = (data, _bytes(data)) if isinstance(data, Path) else (None, data)
    refused = refusal(data, path)
    if refused is not None:
        raise CheckpointError(refused)
    sha256 = hashlib.sha256(data).hexdigest()
    if expected_sha256 is not None and sha256 != expected_sha256:
        raise CheckpointError(
            f"The checkpoint was altered: expected sha256 {expected_sha256[:12]}…, got {sha256[:12]}…."
        )
    members = _members(data)
    metadata = _metadata(members)
    _demand_novelty(metadata, members)
    for name, stated in metadata["members"].items():
        if hashlib.sha256(members[name]).hexdigest() != stated:
            raise CheckpointError(f"The checkpoint's {name} was altered: its sha256 is not the stated one.")
    return Checkpoint(sha256, metadata, _preprocessing(metadata), members)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"The checkpoint {path.name} cannot be read: {error.strerror}.") from error


def _members(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if sorted(names) != sorted(MEMBERS | ({NOVELTY} & set(names))):
                raise CheckpointError("The checkpoint does not hold exactly the members it must have.")
            if sum(entry.file_size for entry in entries) > LARGEST_BYTES:
                raise CheckpointError("The checkpoint unpacks to more than 256 MiB.")
            return {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise CheckpointError(f"The checkpoint is not a readable archive: {error}.") from error


def _metadata(members: dict[str, bytes]) -> dict[str, Any]:
    try:
        metadata = json.loads(members[METADATA])
    except ValueError as error:
        raise CheckpointError(f"The checkpoint's metadata is not JSON: {error}.") from error
    wanted = {
        "schema",
        "classes",
        "preprocessing",
        "preprocessing_sha256",
        "network",
        "calibration",
        "members",
    }
    if not isinstance(metadata, dict) or not wanted <= set(metadata):
        raise CheckpointError("The checkpoint's metadata is incomplete.")
    if metadata["schema"] not in READABLE:
        readable = " and ".join(map(str, READABLE))
        raise CheckpointError(
            f"The checkpoint has schema {metadata['schema']}; this version reads {readable}."
        )
    if tuple(metadata["classes"]) != CLASSES:
        raise CheckpointError(
            f"The checkpoint's classes are {metadata['classes']}; expected {list(CLASSES)}."
        )
    if set(metadata["members"]) != set(members) - {METADATA}:
        raise CheckpointError("The checkpoint's metadata does not state the sha256 of every member.")
    return metadata


def _demand_novelty(metadata: dict[str, Any], members: dict[str, bytes]) -> None:
    stated = metadata.get("novelty")
    if (stated is not None) != (NOVELTY in members):
        raise CheckpointError("The checkpoint states novelty without its numbers, or holds them unstated.")
    if stated is None:
        return
    usable = (
        isinstance(stated, dict)
        and stated.get("method") == METHOD
        and isinstance(stated.get("threshold"), int | float)
        and 0 < stated["threshold"] < float("inf")
        and isinstance(stated.get("layers"), list)
        and all(isinstance(name, str) for name in stated["layers"])
    )
    if not usable:
        raise CheckpointError(
            "The checkpoint's novelty is not usable: its method, threshold or layers are wrong."
        )


def _preprocessing(metadata: dict[str, Any]) -> Preprocessing:
    try:
        preprocessing = Preprocessing.from_dict(metadata["preprocessing"])
    except (PreprocessingError, TypeError) as error:
        raise CheckpointError(f"The checkpoint's preprocessing is not usable: {error}") from error
    if preprocessing.sha256() != metadata["preprocessing_sha256"]:
        raise CheckpointError("The checkpoint's preprocessing was altered: its sha256 is not the stated one.")
    return preprocessing
