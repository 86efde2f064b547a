"""Examples of archives for the API documentation: made up, and of nobody."""

from drf_spectacular.utils import OpenApiExample

_ID = "019b1f70-1c00-7a11-8d20-5b6f7e8d9c0a"
_COLLECTION = "019b1e00-0000-7000-8000-0000000000c0"
_COUNTS = {
    "entries": 1000, "done": 420, "new": 412, "duplicates": 6, "within": 2, "quarantined": 1, "refused": 1,
    "ignored": 3, "labels": {"glioma": 210, "notumor": 190}, "unlabelled": 599,
}  # fmt: skip
_ARCHIVE = {
    "id": _ID, "collection": _COLLECTION, "status": "storing", "size": 33_554_432, "part_bytes": 4_194_304, "parts": 8,
    "arrived": [1, 2, 3, 4, 5, 6, 7, 8], "dry_run": False, "partial": True, "folder_labels": True,
    "dataset": "Ward 2026", "counts": _COUNTS, "failure": None, "created_at": "2026-03-02T10:40:00Z",
    "expires_at": "2026-03-03T10:40:00Z", "finished_at": None, "url": f"/api/v1/archives/{_ID}",
    "entries": f"/api/v1/archives/{_ID}/entries",
}  # fmt: skip
_BEGUN = _ARCHIVE | {
    "status": "receiving",
    "arrived": [],
    "counts": dict.fromkeys(_COUNTS, 0) | {"labels": {}},
}
ARCHIVE_EXAMPLE = OpenApiExample("An archive that is stored", value=_ARCHIVE, response_only=True)
BEGUN_EXAMPLE = OpenApiExample("Begun", value=_BEGUN, response_only=True, status_codes=["201"])
NEW_EXAMPLE = OpenApiExample(
    "Begin", value={"collection": _COLLECTION, "size": 33_554_432, "partial": True}, request_only=True,
    media_type="application/json",
)  # fmt: skip
PARTS_EXAMPLE = OpenApiExample(
    "Which parts are here",
    value={"part_bytes": 4_194_304, "parts": 8, "arrived": [1, 2, 3, 5], "missing": [4, 6, 7, 8]},
    response_only=True,
)
ENTRY_EXAMPLE = OpenApiExample(
    "What became of an entry",
    value={
        "number": 4, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "size": 48211,
        "outcome": "refused", "code": "damaged_image", "detail": "The image is damaged (it ends too early).",
        "label": "glioma", "study": None, "image": None,
    },
    response_only=True,
)  # fmt: skip
