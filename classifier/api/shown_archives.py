"""Archives and their entries as the API shows them."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.urls import reverse

from classifier.api.archive_serializers import ArchiveCountsSerializer
from classifier.models import Archive, ArchiveEntry
from classifier.selectors.archives import ArchiveCounts, counts_of_each, shown_outcome
from classifier.services.archive_parts import arrived_parts_of_each, part_count


def shown_archives(archives: Sequence[Archive]) -> list[dict[str, Any]]:
    counts, arrived = counts_of_each(archives), arrived_parts_of_each(archives)
    return [_shown(archive, counts[archive.pk], arrived[archive.pk]) for archive in archives]


def _shown(archive: Archive, counts: ArchiveCounts, arrived: list[int]) -> dict[str, Any]:
    failure = {"code": archive.code, "detail": archive.sentence}
    return {
        **{name: getattr(archive, name) for name in _SAME},
        "collection": archive.collection_id,
        "part_bytes": settings.ARCHIVE_PART_BYTES,
        "parts": part_count(archive.size),
        "arrived": arrived,
        "counts": {name: getattr(counts, name) for name in map(str, ArchiveCountsSerializer().fields)},
        "failure": failure if archive.sentence else None,
        "url": reverse("api-archive", args=[archive.pk]),
        "entries": reverse("api-archive-entries", args=[archive.pk]),
    }


_SAME = (
    "id", "status", "size", "dry_run", "partial", "folder_labels", "dataset", "created_at", "expires_at",
    "finished_at",
)  # fmt: skip


def shown_entry(entry: ArchiveEntry) -> dict[str, Any]:
    same = ("number", "sha256", "size", "code")
    return {
        **{name: getattr(entry, name) for name in same},
        "outcome": shown_outcome(entry),
        "detail": entry.sentence,
        "label": entry.label or None,
        "study": entry.study_id,
        "image": entry.image_id,
    }
