"""`manage.py demo_setup`: the shipped models, demo accounts, sample studies. Safe to run again."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import cv2
from django.conf import settings
from django.core.management.base import BaseCommand

from classifier.management.commands.register_model import register_shipped
from classifier.models import Origin, Study
from classifier.selectors import version_in_force
from classifier.services.uploads import Grouping, UploadedPart, receive_upload
from mriplatform.accounts.models import Collection, User
from mriplatform.demo.people import ACCOUNTS, ensure_people
from mriplatform.demo.slices import sample_studies
from reviews.services.protocols import ensure_protocol

COLLECTION = "Sample studies"


class Command(BaseCommand):
    help = "Set up the demo: the shipped models, an account for each role, synthetic sample studies."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--secrets", type=Path, default=settings.BASE_DIR / "var" / "demo-secrets.json")

    def handle(self, *args: Any, secrets: Path, **options: Any) -> None:
        collection, _ = Collection.objects.get_or_create(
            name=COLLECTION, defaults={"description": "Synthetic slices, drawn by this project's own code."}
        )
        ensure_protocol(collection)
        register_shipped("" if version_in_force() else "The model that ships with the platform.")
        chosen = ensure_people(collection, secrets)
        if not Study.objects.filter(origin=Origin.SYNTHETIC).exists():
            _upload_samples(collection)
        for name, role in ACCOUNTS.items():
            self.stdout.write(f"{name:<13} {chosen[name]:<18} {role.label}")


def _upload_samples(collection: Collection) -> None:
    uploader = User.objects.get(username="uploader")
    for number, (_, _, pixels) in enumerate(sample_studies(seed=2026), start=1):
        _, encoded = cv2.imencode(".png", pixels)
        receive_upload(
            actor=uploader,
            collection=collection,
            files=[UploadedPart(encoded.tobytes(), "sample.png")],
            grouping=Grouping.ONE_STUDY,
            pseudonym=f"sample-{number}",
            origin=Origin.SYNTHETIC,
        )
