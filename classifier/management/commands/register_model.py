"""`manage.py register_model PATH`: verify a checkpoint, register it, and put it in force if asked to."""

import hashlib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from classifier.exceptions import PlatformError
from classifier.services.registry import promote, record_evaluation, register_version
from ml.checkpoint import CheckpointError, read_checkpoint
from ml.evaluation import evaluate_head
from ml.inference import OnnxPredictor, verify_golden


class Command(BaseCommand):
    help = "Verify a checkpoint (hashes, preprocessing, golden outputs), register it as a model version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, help="the checkpoint archive")
        parser.add_argument("--name", default="", help="the version's name (default: the file's)")
        parser.add_argument("--promote", metavar="REASON", default="", help="put it in force, and say why")

    def handle(self, *args: Any, path: Path, name: str, promote: str, **options: Any) -> None:
        try:
            number = register(path, name=name or path.name.split(".")[0], reason=promote)
        except (OSError, CheckpointError, PlatformError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Version {number} is registered{' and in force' if promote else ''}.")


def register(path: Path, *, name: str, reason: str = "") -> int:
    """Register the checkpoint at `path`, with its figures on its own reference part.

    Args:
        reason: why it is put in force; empty leaves what is in force alone.

    Returns:
        The version's number.
    """
    archive = path.read_bytes()
    checkpoint = read_checkpoint(archive)
    verify_golden(OnnxPredictor(checkpoint), checkpoint)
    version = register_version(actor=None, name=name, archive=archive, metadata=checkpoint.metadata)
    if not version.evaluations.exists():
        record_evaluation(
            version=version,
            part="reference part of the checkpoint",
            part_sha256=hashlib.sha256(checkpoint.members["reference.npz"]).hexdigest(),
            figures=evaluate_head(checkpoint, checkpoint.reference()),
        )
    if reason:
        promote(actor=None, version=version, reason=reason)
    return version.number
