"""`manage.py import_dataset COLLECTION FOLDER --as USER`: a labelled folder, or an exported label set, comes in."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError
from django.http import Http404

from classifier.exceptions import PlatformError
from mriplatform.accounts.models import Collection, User
from reviews.access import get_collection_to_freeze
from reviews.services.adopting import import_label_set, is_export
from reviews.services.importing import import_files
from reviews.services.labelled_folders import read_labelled_folder
from reviews.services.surveying import Became, ImportReport, survey_files

_SAID = {
    Became.STORED: "stored with their labels",
    Became.LABELLED: "were here already and have their label now",
    Became.CHANGED: "have another label or part than before",
    Became.UNCHANGED: "were here with the same label",
    Became.REPEATED: "show the same pixels as another file",
    Became.QUARANTINED: "wait in quarantine with their labels",
    Became.REFUSED: "refused",
}


class Command(BaseCommand):
    help = (
        "Import a labelled folder (Train/glioma/1.jpg, or a manifest.csv with the columns file, label and, optional, "
        "split, subject and plane), or a label set that export_label_set wrote. What is there already is not stored "
        "twice, so an import that was stopped is begun anew. Exit status 1 where files were refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("collection", help="the collection's identifier or name")
        parser.add_argument("folder", type=Path)
        parser.add_argument("--as", dest="user", required=True, metavar="USER", help="who imports it")
        parser.add_argument(
            "--dataset", default="", metavar="NAME", help="the set's name (default: the folder's)"
        )
        parser.add_argument(
            "--manifest", default="", metavar="FILE", help="in the folder (default: manifest.csv)"
        )
        parser.add_argument(
            "--keep-splits", action="store_true",
            help="keep the set's own parts for ever: what it tests on is never learned from here",
        )  # fmt: skip
        parser.add_argument(
            "--split-column", default="", metavar="NAME", help="of the manifest; implies --keep-splits"
        )
        parser.add_argument(
            "--no-predictions", action="store_true",
            help="queue no predictions; a training computes the embeddings that it misses",
        )  # fmt: skip
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would become of each file, store nothing"
        )

    def handle(self, *args: Any, collection: str, folder: Path, user: str, **options: Any) -> None:
        try:
            actor = User.objects.get(username=user, is_active=True)
            into = get_collection_to_freeze(actor, _collection(collection))
        except User.DoesNotExist as error:
            raise CommandError(f"There is no active user {user}.") from error
        except (Http404, PermissionDenied) as error:
            raise CommandError(f"{user} may not import labels into this collection: {error}") from error
        dataset = options["dataset"] or folder.resolve().name
        try:
            report = self._import(actor, into, folder, dataset, options)
        except PlatformError as refusal:
            raise CommandError(refusal.sentence) from refusal
        self._tell(report, dry_run=options["dry_run"])
        if report.refused:
            raise CommandError(f"{len(report.refused)} of {len(report.files)} files were refused.")

    def _import(
        self, actor: User, collection: Collection, folder: Path, dataset: str, options: dict[str, Any]
    ) -> ImportReport:
        analyse, dry_run = not options["no_predictions"], options["dry_run"]
        if is_export(folder):
            label_set, report = import_label_set(
                actor=actor, collection=collection, folder=folder, dataset=dataset, analyse=analyse,
                dry_run=dry_run, progress=self._progress,
            )  # fmt: skip
            if label_set is not None:
                self.stdout.write(f"Label set {label_set.number}, manifest {label_set.manifest_sha256}.")
            return report
        files = read_labelled_folder(
            folder, manifest=options["manifest"], split_column=options["split_column"],
            keep_splits=options["keep_splits"] or bool(options["split_column"]),
        )  # fmt: skip
        survey = survey_files(collection, files)
        if dry_run:
            return survey.report
        return import_files(
            actor=actor, collection=collection, dataset=dataset, files=files, survey=survey, analyse=analyse,
            progress=self._progress,
        )  # fmt: skip

    def _progress(self, done: int) -> None:
        self.stdout.write(f"{done} done", ending="\r")

    def _tell(self, report: ImportReport, *, dry_run: bool) -> None:
        for line in report.refused:
            self.stdout.write(f"File {line.number}: {line.sentence} ({line.code})")
        counts = report.counts
        said = [f"{counts[became]} {words}" for became, words in _SAID.items() if counts[became]]
        self.stdout.write(f"{'Would be' if dry_run else 'Files'}: {'; '.join(said) or 'none'}.")
        for sentence in report.clashes:
            self.stdout.write(sentence)


def _collection(said: str) -> UUID:
    try:
        return UUID(said)
    except ValueError:
        found = list(Collection.objects.filter(name=said)[:2])
    if len(found) != 1:
        raise CommandError(f"{'No' if not found else 'More than one'} collection is named {said}.")
    return found[0].pk
