"""`manage.py export_run ID DIR`: everything that a training run used, so that it can be run again elsewhere."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from classifier.exceptions import PlatformError
from classifier.management.run_export import export_run
from classifier.models import TrainingRun


class Command(BaseCommand):
    help = (
        "Write a training run into a folder: manifest, pixels, embeddings, checkpoints, recipe, seed, rule, figures. "
        "`python -m ml reproduce DIR` runs it again there and compares."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", help="the run's number, or its identifier")
        parser.add_argument("folder", type=Path, help="a folder that is new or empty")

    def handle(self, *args: Any, run: str, folder: Path, **options: Any) -> None:
        try:
            used, missing = export_run(_run(run), folder)
        except (OSError, PlatformError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{used} images are in {folder}.")
        if missing:
            self.stdout.write(
                f"{missing} images that the run used were hidden or removed since, and are not."
            )


def _run(named: str) -> TrainingRun:
    runs = TrainingRun.objects.select_related("base_version", "rule")
    if named.isdecimal() and len(named) < 10:
        found = runs.filter(number=int(named)).first()
    else:
        try:
            found = runs.filter(pk=UUID(named)).first()
        except ValueError as error:
            raise CommandError(f"{named!r} is neither a run's number nor its identifier.") from error
    if found is None:
        raise CommandError(f"There is no training run {named}.")
    return found
