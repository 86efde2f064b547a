"""`manage.py train LABEL_SET`: say what a training on a label set will use, start it, and follow it if asked to."""

import json
import time
from argparse import ArgumentParser
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from classifier.exceptions import PlatformError
from classifier.models import ModelVersion, RunStatus, TrainingRun
from classifier.selectors.training_runs import ACTIVE
from classifier.services.training import OPTIONS
from reviews.models import LabelSet
from reviews.selectors.retraining_preview import FINE_TUNE, HEAD, Preview, preview_retraining
from reviews.services.label_sets import retrain

RECIPES: Final = {"head": HEAD, "fine-tune": FINE_TUNE}
_LOOK_SECONDS: Final = 0.5


class Command(BaseCommand):
    help = (
        "Train on a label set; a worker does it. Exit status 1 where the run fails or is cancelled (--wait)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("label_set", type=int, help="the label set's number")
        parser.add_argument("--recipe", choices=sorted(RECIPES), default="head")
        parser.add_argument(
            "--base", type=int, metavar="N",
            help="number of the version to start from (default: what reads for the collection)",
        )  # fmt: skip
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--option", action="append", default=[], metavar="NAME=VALUE",
            help="of the recipe, may be repeated; "
            + "; ".join(f"{name}: {', '.join(OPTIONS[kind])}" for name, kind in RECIPES.items()),
        )  # fmt: skip
        parser.add_argument("--preview", action="store_true", help="say what it would use, and start nothing")
        parser.add_argument("--wait", action="store_true", help="follow the run's log until it has ended")

    def handle(
        self, *args: Any, label_set: int, recipe: str, base: int | None, seed: int, option: list[str],
        preview: bool, wait: bool, **options: Any,
    ) -> None:  # fmt: skip
        found = LabelSet.objects.select_related("collection").filter(number=label_set).first()
        if found is None:
            raise CommandError(f"There is no label set {label_set}.")
        if not 0 <= seed < 2**31:
            raise CommandError("The seed is a whole number from 0 to 2147483647.")
        version, kind, chosen = _version(base), RECIPES[recipe], _options(option)
        self.stdout.write(told(preview_retraining(found, recipe=kind, base=version)))
        if preview:
            return
        try:
            run = retrain(
                actor=None, label_set=found, base=version, seed=seed, recipe=chosen | {"kind": kind}
            )
        except PlatformError as refusal:
            raise CommandError(refusal.sentence) from refusal
        self.stdout.write(f"{run} is in line.")
        if wait:
            self._follow(run)

    def _follow(self, run: TrainingRun) -> None:
        """Write the log as it grows, until the run has ended."""
        written = 0
        while True:
            run.refresh_from_db(fields=["status", "log", "failure_reason"])
            for entry in run.log[written:]:
                self.stdout.write(f"{entry['at'][11:19]}  {entry['text']}")
            written = len(run.log)
            if run.status not in ACTIVE:
                break
            time.sleep(_LOOK_SECONDS)
        if run.status != RunStatus.SUCCEEDED:
            raise CommandError(f"{run}: {run.get_status_display().lower()}. {run.failure_reason}".strip())
        candidate = run.candidate
        self.stdout.write(
            f"{run} has finished; its candidate is version {candidate.number if candidate else '–'}."
        )


def told(preview: Preview) -> str:
    """The preview in lines, as the form has it."""
    classes = ", ".join(f"{count} {name}" for name, count in preview.by_class.items()) or "none"
    base = f"version {preview.base.number} ({preview.base.name})" if preview.base else "no version reads yet"
    rule = f"rule {preview.rule.number}" if preview.rule else "the first rule, which the start writes"
    lines = [
        f"{preview.sentence}.",
        f"{preview.parted}; of the first: {classes}.",
        f"Embeddings: {preview.stored} stored, {preview.to_compute} to compute first.",
        f"Starts from {base}, judged by {rule}.",
    ]
    if preview.duration is not None:
        lines.append(f"Earlier runs of this recipe took about {preview.duration.seconds:.0f} s.")
    return "\n".join(lines)


def _options(given: list[str]) -> dict[str, Any]:
    """`NAME=VALUE` each; a value is a number, true, false or null as JSON has them, and text otherwise."""
    chosen: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (name and equals) or name == "kind":
            raise CommandError(f"An option of a recipe is NAME=VALUE; got {one!r}.")
        try:
            chosen[name] = json.loads(value)
        except ValueError:
            chosen[name] = value
    return chosen


def _version(number: int | None) -> ModelVersion | None:
    if number is None:
        return None
    version = ModelVersion.objects.filter(number=number).first()
    if version is None:
        raise CommandError(f"There is no version {number}.")
    return version
