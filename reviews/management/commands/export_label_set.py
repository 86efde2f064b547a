"""`manage.py export_label_set NUMBER FOLDER`: a label set as a folder that `import_dataset` takes again."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from classifier.exceptions import PlatformError
from mriplatform.audit.recording import record
from reviews.models import LabelSet
from reviews.selectors.label_set_export import export_members


class Command(BaseCommand):
    help = "Write a label set's manifest, the pixels of what may be learned from, and a header into an empty folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("label_set", help="the label set's number or identifier")
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, label_set: str, folder: Path, **options: Any) -> None:
        found = _label_set(label_set)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CommandError(f"{folder} is there already, and not an empty folder.")
        images = 0
        try:
            for name, data in export_members(found):
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                images += name.endswith(".png")
        except PlatformError as refusal:
            raise CommandError(refusal.sentence) from refusal
        record(
            action="label_set.exported",
            target=found,
            collection_id=found.collection_id,
            images=images,
            door="command",
        )
        self.stdout.write(f"{found}: {images} images, manifest {found.manifest_sha256}.")


def _label_set(said: str) -> LabelSet:
    sets = LabelSet.objects.select_related("collection", "policy")
    try:
        found = sets.filter(number=int(said)) if said.isdecimal() else sets.filter(pk=UUID(said))
    except ValueError as error:
        raise CommandError("A label set is named by its number or its identifier.") from error
    label_set = found.first()
    if label_set is None:
        raise CommandError(f"There is no label set {said}.")
    return label_set
