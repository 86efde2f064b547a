"""The checkpoint: one archive with the model, its ONNX export, and what proves and continues them."""

from ml.checkpoint.archive import Checkpoint
from ml.checkpoint.errors import CheckpointError
from ml.checkpoint.members import Golden, Reference, Replay, TrainingHashes
from ml.checkpoint.reading import read_checkpoint
from ml.checkpoint.signatures import novelty_margin, reader_with_signatures, signature_layers
from ml.checkpoint.writing import joined, replace_head, write_checkpoint

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "Golden",
    "Reference",
    "Replay",
    "TrainingHashes",
    "joined",
    "novelty_margin",
    "read_checkpoint",
    "reader_with_signatures",
    "replace_head",
    "signature_layers",
    "write_checkpoint",
]
