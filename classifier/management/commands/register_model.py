"""`manage.py register_model [PATH]`: verify a checkpoint, or all that ship, register, and put in force if asked to."""

import hashlib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from classifier.exceptions import PlatformError
from classifier.models import ModelVersion
from classifier.services.registry import promote, record_evaluation, register_version
from ml.checkpoint import CheckpointError, read_checkpoint
from ml.config import SHIPPED_CHECKPOINT, SHIPPED_CHECKPOINTS
from ml.evaluation import evaluate_head
from ml.inference import OnnxPredictor, verify_golden


class Command(BaseCommand):
    help = "Verify a checkpoint (hashes, preprocessing, golden outputs), register it as a model version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "path", type=Path, nargs="?", help="the checkpoint archive (default: each that ships)"
        )
        parser.add_argument("--name", default="", help="the version's name (default: the file's)")
        parser.add_argument(
            "--promote", metavar="REASON", default="",
            help="put it in force (of those that ship the first), and say why",
        )  # fmt: skip

    def handle(self, *args: Any, path: Path | None, name: str, promote: str, **options: Any) -> None:
        if path is None and name:
            raise CommandError("A name belongs to one checkpoint: give its path too.")
        try:
            numbers = [register(path, name=name, reason=promote)] if path else register_shipped(promote)
        except (OSError, CheckpointError, PlatformError) as error:
            raise CommandError(str(error)) from error
        for number in numbers:
            in_force = " and in force" if promote and number == numbers[0] else ""
            self.stdout.write(f"Version {number} is registered{in_force}.")


def register_shipped(reason: str = "") -> list[int]:
    """Register every checkpoint that ships and is not registered yet; put the first in force if a reason is given.

    Returns:
        The versions' numbers, of the checkpoint that reads by default first.
    """
    others = [path for path in SHIPPED_CHECKPOINTS if path != SHIPPED_CHECKPOINT]
    return [register(SHIPPED_CHECKPOINT, reason=reason), *(register(path) for path in others)]


def register(path: Path, *, name: str = "", reason: str = "") -> int:
    """Register the checkpoint at `path`, with its figures on its own reference part.

    Args:
        name: of the version; the file's without one.
        reason: why it is put in force; empty leaves what is in force alone.

    Returns:
        The version's number.
    """
    archive = path.read_bytes()
    known = ModelVersion.objects.filter(checkpoint_sha256=hashlib.sha256(archive).hexdigest()).first()
    version = known or _register_new(path, archive, name or path.name.split(".")[0])
    if reason:
        promote(actor=None, version=version, reason=reason)
    return version.number


def _register_new(path: Path, archive: bytes, name: str) -> ModelVersion:
    """Read and verify a checkpoint that nobody registered yet, and register it with its figures."""
    checkpoint = read_checkpoint(path)
    verify_golden(OnnxPredictor(checkpoint), checkpoint)
    version = register_version(actor=None, name=name, archive=archive, metadata=checkpoint.metadata)
    if not version.evaluations.exists():
        record_evaluation(
            version=version,
            part="reference part of the checkpoint",
            part_sha256=hashlib.sha256(checkpoint.members["reference.npz"]).hexdigest(),
            figures=evaluate_head(checkpoint, checkpoint.reference()),
        )
    return version
