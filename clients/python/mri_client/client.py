"""What a program does with the platform: send images, wait, take labels, train."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict, cast
from urllib.parse import urlsplit

from mri_client.requests import Requests

# As many files as the platform takes in one request by default.
FILES_AT_ONCE = 50

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".dcm": "application/dicom"}
File = os.PathLike[str] | str | bytes


class Version(TypedDict):
    id: str
    number: int
    name: str


class Study(TypedDict):
    """`images` hold `prediction` with `label` and `probabilities`, where you may see them."""

    id: str
    collection: str
    status: str
    ahead: int
    final: bool
    removed: bool
    images: list[dict[str, Any]]


class Verdict(TypedDict):
    """What became of one file; `number` counts from 1."""

    number: int
    outcome: str
    code: str
    detail: str
    study: str | None
    image: str | None


class Upload(TypedDict):
    studies: list[Study]
    files: list[Verdict]


class Run(TypedDict):
    id: str
    number: int
    status: str
    candidate: Version | None
    failure: str


class Failed(Exception):
    """What was waited for failed, or did not come in time."""


class Client:
    """The platform, for whoever a token belongs to. Use it as a context, or close it.

    Args:
        address: such as `https://portal.example.org`.
        token: from the account's page; it needs the scopes of what you do with it.
        **more: as of `Requests`: `timeout`, `tries`.
    """

    def __init__(self, address: str, token: str, **more: Any) -> None:
        self._requests = Requests(address, token, **more)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._requests.close()

    def collections(self) -> Iterator[dict[str, Any]]:
        """The collections that you are a member of, with your roles."""
        return self.listed("/collections")

    def upload(
        self, collection: str, files: Sequence[File], *, study_each: bool = False, pseudonym: str = ""
    ) -> Upload:
        """Send images: all as one study, or each as a study of its own.

        One study goes in one request, all or nothing; a study each in as many requests as it takes. The names of files
        do not leave this machine. What is there already is answered with the study that has it.

        Raises:
            ApiError: nothing of the request was stored.
        """
        at_once = FILES_AT_ONCE if study_each else len(files) or 1
        whole: Upload = {"studies": [], "files": []}
        for start in range(0, len(files) or 1, at_once):
            part = files[start : start + at_once]
            fields = {"collection": collection, "grouping": "study_each" if study_each else "one_study"}
            if pseudonym:
                fields["subject_pseudonym"] = pseudonym
            sent = [("files", _file(number, file)) for number, file in enumerate(part, start=1)]
            answer: Upload = self._json("POST", "/studies", data=fields, files=sent)
            whole["studies"] += answer["studies"]
            for verdict in answer["files"]:
                verdict["number"] += start
                whole["files"].append(verdict)
        return whole

    def study(self, study: str) -> Study:
        return cast(Study, self._json("GET", f"/studies/{study}"))

    def wait(self, study: str, *, seconds: float = 600.0, every: float = 1.0) -> Study:
        """The study as soon as it is analysed.

        Raises:
            Failed: it could not be analysed, or not in time.
        """
        found = self._until(lambda: self.study(study), seconds, every)
        if found["status"] == "failed":
            reasons = {image["failure"]["detail"] for image in found["images"] if image.get("failure")}
            raise Failed(f"Study {study} could not be analysed: {' '.join(sorted(reasons))}")
        return cast(Study, found)

    def labels(self, collection: str, form: str = "json") -> Iterator[bytes]:
        """Every label of a collection as `json`, `csv` or `jsonl`, in pieces, as they come.

        Nothing is asked for before the first piece is.

        Raises:
            ApiError: it was refused.
            httpx.TransportError: the platform cannot be reached, or what it sends breaks off.
        """
        path = f"/api/v1/collections/{collection}/labels"
        with self._requests.stream(path, params={"format": form}, headers={"Accept": "*/*"}) as answer:
            yield from answer.iter_bytes()

    def freeze(self, collection: str) -> dict[str, Any]:
        """A label set of the labels that the collection's policy takes; the earlier one where nothing changed."""
        return cast(dict[str, Any], self._json("POST", f"/collections/{collection}/label-sets", json={}))

    def retrain(self, label_set: str, *, recipe: str = "head", seed: int = 0) -> Run:
        """Start a training on a label set.

        Raises:
            ApiError: 409 `run_active` where another one is under way.
        """
        body = {"recipe": recipe, "seed": seed}
        return cast(Run, self._json("POST", f"/label-sets/{label_set}/retrain", json=body))

    def run(self, run: str) -> Run:
        return cast(Run, self._json("GET", f"/training-runs/{run}"))

    def wait_run(self, run: str, *, seconds: float = 86_400.0, every: float = 5.0) -> Run:
        """The run as soon as it has ended well.

        Raises:
            Failed: it ended otherwise, or not in time.
        """
        found = self._until(lambda: self.run(run), seconds, every)
        if found["status"] != "succeeded":
            raise Failed(f"Run {found['number']} {found['status']}. {found['failure']}".strip())
        return cast(Run, found)

    def listed(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every row of a list, page by page."""
        page = self._json("GET", path, params={"page_size": 200, **query})
        while True:
            yield from page["results"]
            if not page["next"]:
                return
            parts = urlsplit(page["next"])
            page = self._requests.send("GET", f"{parts.path}?{parts.query}").json()

    def _json(self, method: str, path: str, **more: Any) -> Any:
        return self._requests.send(method, f"/api/v1{path}", **more).json()

    def _until(self, look: Any, seconds: float, every: float) -> Any:
        """What `look` finds once it is neither queued nor running any more."""
        deadline = time.monotonic() + seconds
        while (found := look())["status"] in ("queued", "running"):
            if time.monotonic() + every > deadline:
                raise Failed(f"After {seconds:g} seconds it is still {found['status']}.")
            time.sleep(every)
        return found


def _file(number: int, file: File) -> tuple[str, bytes, str]:
    """A file as it is sent: a number with the ending of its name, which the platform holds against the content."""
    if isinstance(file, bytes):
        return str(number), file, "application/octet-stream"
    path = Path(file)
    ending = path.suffix.lower() if path.suffix.lower() in TYPES else ""
    return f"{number}{ending}", path.read_bytes(), TYPES.get(ending, "application/octet-stream")
