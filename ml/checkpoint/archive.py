"""A verified checkpoint, and what can be made of its members."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.checkpoint import graph
from ml.checkpoint.arrays import unpack, unpack_hashes
from ml.checkpoint.errors import CheckpointError
from ml.checkpoint.members import (
    GOLDEN,
    HASHES,
    NOVELTY,
    ONNX,
    REFERENCE,
    REPLAY,
    WEIGHTS,
    Floats,
    Golden,
    Reference,
    Replay,
    TrainingHashes,
)
from ml.checkpoint.signatures import reader_with_signatures
from ml.checkpoint.weights import load_weights
from ml.config import ConfigError, network_spec
from ml.novelty import Novelty
from ml.preprocessing import Preprocessing

if TYPE_CHECKING:
    import keras

    from ml.networks import Network


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
        mean, whitening = found["mean"], found["whitening"]
        if mean.ndim != 1 or len(mean) % 2 or whitening.shape != 2 * mean.shape:
            raise CheckpointError(
                f"The checkpoint's {NOVELTY} does not fit: a mean (K,) of even width and a whitening (K, K) were "
                f"expected, got {mean.shape} and {whitening.shape}."
            )
        return Novelty(mean, whitening, float(self.metadata["novelty"]["threshold"]))

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
