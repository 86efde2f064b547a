"""A run's trace to be taken away as CSV or JSON, in pieces."""

import json
from collections.abc import Iterator
from typing import Any, Final

from django.db.models import QuerySet

from classifier.models import TraceLine, TrainingRun
from mriplatform.tables import as_csv

COLUMNS: Final = ("number", "image", "pixel_sha256", "label", "used_as", "reason")


def traced_values(line: TraceLine) -> dict[str, Any]:
    """A line of a trace, as files and the API have it."""
    image = str(line.image_id) if line.image_id else None
    return {name: getattr(line, name) for name in COLUMNS if name != "image"} | {"image": image}


def trace_as_csv(lines: QuerySet[TraceLine]) -> Iterator[str]:
    """The lines as CSV, in the order of the manifest."""
    return as_csv(COLUMNS, (traced_values(line) for line in lines.iterator(chunk_size=2000)))


def trace_as_json(run: TrainingRun, lines: QuerySet[TraceLine]) -> Iterator[str]:
    """The lines as a JSON document, with the run that they are of."""
    about = {"id": str(run.pk), "number": run.number, "manifest_sha256": run.manifest_sha256}
    yield f'{{"run": {json.dumps(about)}, "trace": ['
    for place, line in enumerate(lines.iterator(chunk_size=2000)):
        yield f"{', ' if place else ''}{json.dumps(traced_values(line), sort_keys=True)}"
    yield "]}"
