"""Reading a checkpoint: every member verified by sha256 before anything is made of it."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

from ml.checkpoint.archive import Checkpoint
from ml.checkpoint.errors import CheckpointError
from ml.checkpoint.foreign import refusal
from ml.checkpoint.members import MEMBERS, METADATA, NOVELTY
from ml.labels import CLASSES
from ml.novelty import METHOD
from ml.preprocessing import Preprocessing, PreprocessingError

SCHEMA: Final = 2
READABLE: Final = (1, 2)
"""Schema 1 has no novelty, and names its network without a specification."""

LARGEST_BYTES: Final = 256 * 2**20

_UNREADABLE: Final = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, OSError,
    EOFError, ValueError,
)  # fmt: skip
"""What Python's own reader of archives raises for damaged bytes."""

_WANTED: Final = frozenset({
    "schema", "classes", "preprocessing", "preprocessing_sha256", "network", "calibration", "members",
})  # fmt: skip


def read_checkpoint(data: bytes | Path, expected_sha256: str | None = None) -> Checkpoint:
    """Reads and verifies a checkpoint.

    Args:
        data: the archive, or its path.
        expected_sha256: what the archive must hash to.

    Raises:
        CheckpointError: with a sentence that says what is wrong.
    """
    path, data = (data, _bytes(data)) if isinstance(data, Path) else (None, data)
    refused = refusal(data, path)
    if refused is not None:
        raise CheckpointError(refused)
    sha256 = hashlib.sha256(data).hexdigest()
    if expected_sha256 is not None and sha256 != expected_sha256:
        raise CheckpointError(
            f"The checkpoint was altered: expected sha256 {expected_sha256[:12]}…, got {sha256[:12]}…."
        )
    members = _members(data)
    metadata = _metadata(members)
    _demand_temperature(metadata)
    _demand_novelty(metadata, members)
    for name, stated in metadata["members"].items():
        if hashlib.sha256(members[name]).hexdigest() != stated:
            raise CheckpointError(f"The checkpoint's {name} was altered: its sha256 is not the stated one.")
    return Checkpoint(sha256, metadata, _preprocessing(metadata), members)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"The checkpoint {path.name} cannot be read: {error.strerror}.") from error


def _members(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if sorted(names) != sorted(MEMBERS | ({NOVELTY} & set(names))):
                raise CheckpointError("The checkpoint does not hold exactly the members it must have.")
            if sum(entry.file_size for entry in entries) > LARGEST_BYTES:
                raise CheckpointError("The checkpoint unpacks to more than 256 MiB.")
            return {entry.filename: archive.read(entry) for entry in entries}
    except CheckpointError:
        raise
    except _UNREADABLE as error:
        raise CheckpointError(f"The checkpoint is not a readable archive: {error}.") from error


def _metadata(members: dict[str, bytes]) -> dict[str, Any]:
    try:
        metadata: dict[str, Any] = json.loads(members[METADATA])
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"The checkpoint's metadata is not JSON: {error}.") from error
    missing = sorted(_WANTED - set(metadata)) if isinstance(metadata, dict) else sorted(_WANTED)
    if missing:
        raise CheckpointError(f"The checkpoint's metadata is incomplete: it has no {', '.join(missing)}.")
    if metadata["schema"] not in READABLE:
        readable = " and ".join(map(str, READABLE))
        raise CheckpointError(
            f"The checkpoint has schema {metadata['schema']}; this version reads {readable}."
        )
    if metadata["classes"] != list(CLASSES):
        raise CheckpointError(
            f"The checkpoint's classes are {metadata['classes']}; expected {list(CLASSES)}."
        )
    stated = metadata["members"]
    if not isinstance(stated, dict) or set(stated) != set(members) - {METADATA}:
        raise CheckpointError("The checkpoint's metadata does not state the sha256 of every member.")
    return metadata


def _demand_temperature(metadata: dict[str, Any]) -> None:
    calibration = metadata["calibration"]
    temperature = calibration.get("temperature") if isinstance(calibration, dict) else None
    usable = isinstance(temperature, int | float) and 0 < temperature < float("inf")
    if not usable:
        raise CheckpointError(f"The checkpoint's temperature must be a number above 0, got {temperature!r}.")


def _demand_novelty(metadata: dict[str, Any], members: dict[str, bytes]) -> None:
    stated = metadata.get("novelty")
    if (stated is not None) != (NOVELTY in members):
        raise CheckpointError("The checkpoint states novelty without its numbers, or holds them unstated.")
    if stated is None:
        return
    usable = (
        isinstance(stated, dict)
        and stated.get("method") == METHOD
        and isinstance(stated.get("threshold"), int | float)
        and 0 < stated["threshold"] < float("inf")
        and isinstance(stated.get("layers"), list)
        and all(isinstance(name, str) for name in stated["layers"])
    )
    if not usable:
        raise CheckpointError(
            "The checkpoint's novelty is not usable: its method, threshold or layers are wrong."
        )


def _preprocessing(metadata: dict[str, Any]) -> Preprocessing:
    try:
        preprocessing = Preprocessing.from_dict(metadata["preprocessing"])
    except (PreprocessingError, TypeError) as error:
        raise CheckpointError(f"The checkpoint's preprocessing is not usable: {error}") from error
    if preprocessing.sha256() != metadata["preprocessing_sha256"]:
        raise CheckpointError("The checkpoint's preprocessing was altered: its sha256 is not the stated one.")
    return preprocessing
