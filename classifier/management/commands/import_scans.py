"""`manage.py import_scans FOLDER_OR_ZIP --collection … --as USER`: scans that lie on this machine come in."""

import os
import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError
from django.http import Http404
from django.utils import timezone

from classifier.access import get_collection_to_send_archives
from classifier.exceptions import PlatformError
from classifier.services.archives import MAX_DATASET_CHARACTERS
from classifier.services.scan_imports import (
    ScanReport,
    check_scans,
    record_refused_scans,
    refusal_recorded,
    store_scans,
)
from classifier.services.scan_sources import FileOnDisk, scans_in_folder, scans_in_zip
from ml.labels import DISPLAY_NAMES
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Role

_WORDS = {
    "new": "new", "duplicate": "already here", "quarantined": "in quarantine", "refused": "refused",
}  # fmt: skip


class Command(BaseCommand):
    help = (
        "Import the PNG, JPEG and DICOM files of a folder, however deep, or of a ZIP. Every file is checked before the "
        "first is stored; one bad file keeps all out, unless --partial. What is there already is not stored twice, so "
        "an import that was stopped is begun anew. Files are named by their numbers, in the order of their paths. Exit "
        "status 1 where files were refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", type=Path, metavar="FOLDER_OR_ZIP")
        parser.add_argument("--collection", required=True, help="the collection's identifier or name")
        parser.add_argument(
            "--as", dest="user", default="", metavar="USER",
            help="who imports it (default: the collection's administrator, where it has one)",
        )  # fmt: skip
        parser.add_argument(
            "--labels-from-folders", action="store_true",
            help="a folder named like a class (glioma, no_tumor, No Tumour) labels what is in it",
        )  # fmt: skip
        parser.add_argument(
            "--dataset", default="", metavar="NAME", help="the labelled set's name (default: the day's)"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would become of each file, store nothing"
        )
        parser.add_argument(
            "--partial", action="store_true", help="store the good files even where some are bad"
        )

    def handle(self, *args: Any, source: Path, collection: str, user: str, **options: Any) -> None:
        labels = options["labels_from_folders"]
        into = _collection(collection)
        actor = _actor(user, into)
        try:
            into = get_collection_to_send_archives(actor, into.pk, labels=labels)
        except (Http404, PermissionDenied) as error:
            raise CommandError(f"{actor} may not import into this collection: {error}") from error
        # Never the source's own name: folders and ZIPs are named after patients, too.
        dataset = (options["dataset"] or f"Scans of {timezone.now():%-d %B %Y}") if labels else ""
        if len(dataset) > MAX_DATASET_CHARACTERS or not dataset.isprintable():
            raise CommandError(f"Name the data set in at most {MAX_DATASET_CHARACTERS} characters.")
        try:
            with ExitStack() as opened:
                archive = _zip(source, opened)
                opened.enter_context(refusal_recorded(actor=actor, collection=into, archive=archive))
                scans, ignored = (
                    scans_in_zip(archive, labels=labels)
                    if archive
                    else scans_in_folder(source, labels=labels)
                )
                report = check_scans(
                    collection=into, scans=scans, ignored=ignored, progress=self._progress("checked")
                )
                if not options["dry_run"]:
                    record_refused_scans(actor=actor, collection=into, report=report)
                wanted = not options["dry_run"] and (options["partial"] or not report.refused)
                if wanted:
                    store_scans(
                        actor=actor, collection=into, scans=scans, report=report, dataset=dataset,
                        progress=self._progress("stored"),
                    )  # fmt: skip
        except PlatformError as refusal:
            raise CommandError(refusal.sentence) from refusal
        self._tell(report, labels=labels, stored=wanted)

    def _progress(self, word: str) -> Any:
        ending = "\r" if sys.stdout.isatty() else "\n"
        said = -1

        def tell(done: int, of: int) -> None:
            nonlocal said
            # On a terminal each time, in a log every tenth of the way.
            if ending == "\r" or done == of or 10 * done // of > said:
                said = 10 * done // of
                self.stdout.write(f"{done} of {of} {word}", ending=ending)

        return tell

    def _tell(self, report: ScanReport, *, labels: bool, stored: bool) -> None:
        for number, (code, sentence) in sorted(report.refused.items()):
            self.stdout.write(f"File {number}: {sentence} ({code})")
        counts = report.counts
        said = [f"{counts[name]} {word}" for name, word in _WORDS.items() if counts[name]]
        said += [f"{report.ignored} left out"] if report.ignored else []
        self.stdout.write(f"{'Files' if stored else 'Would be'}: {'; '.join(said)}.")
        if report.within:
            self.stdout.write(f"{report.within} of those already here repeat another file of this source.")
        if labels:
            named = [f"{count} {DISPLAY_NAMES[name]}" for name, count in sorted(report.labels.items())]
            without = len(report.outcomes) - len(report.refused) - sum(report.labels.values())
            self.stdout.write(f"By folder: {'; '.join([*named, f'{without} without a label'])}.")
        if report.refused:
            kept = "The others are stored." if stored else "Nothing was stored."
            raise CommandError(f"{len(report.refused)} of {len(report.outcomes)} files were refused. {kept}")


def _collection(said: str) -> Collection:
    try:
        found = list(Collection.objects.filter(pk=UUID(said)))
    except ValueError:
        found = list(Collection.objects.filter(name=said)[:2])
    if len(found) != 1:
        raise CommandError(f"{'No' if not found else 'More than one'} collection is named {said}.")
    return found[0]


def _actor(name: str, collection: Collection) -> User:
    people = User.objects.filter(is_active=True)
    if name:
        found = list(people.filter(username=name))
    else:
        administers = {"memberships__collection": collection, "memberships__role": Role.ADMIN}
        found = list(people.filter(**administers).distinct()[:2])
    if len(found) != 1:
        raise CommandError(f"There is no active user {name}." if name else "Say who imports it: --as USER.")
    return found[0]


def _zip(source: Path, opened: ExitStack) -> FileOnDisk | None:
    """The ZIP that is named; None for a folder."""
    # Not Path.is_dir, which may say in a traceback what the folder is called.
    if os.path.isdir(source):  # noqa: PTH112
        return None
    try:
        return FileOnDisk(opened.enter_context(source.open("rb")))
    except OSError as error:
        raise CommandError(f"There is neither a folder nor a ZIP at this path ({error.strerror}).") from error
