"""What the names in an archive say: whether they are safe, whether they are clutter, and which class a folder names."""

from __future__ import annotations

import re
from typing import Final

from ml.labels import LabelError, canonical_label

_DRIVE: Final = re.compile(r"^[A-Za-z]:")
_CLUTTER: Final = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
ARCHIVES: Final = frozenset(
    ["zip", "jar", "7z", "rar", "tar", "gz", "tgz", "bz2", "tbz", "xz", "txz", "zst", "lz", "cab", "iso"]
)


def is_safe(name: str) -> bool:
    """Whether a name stays below the folder into which somebody might unpack it, on any system."""
    if not name or "\\" in name or "\0" in name or name.startswith("/") or _DRIVE.match(name):
        return False
    return ".." not in name.split("/")


def is_clutter(name: str) -> bool:
    """Whether a file is what a system leaves beside its user's files: macOS's resource forks, folder settings."""
    *folders, last = name.rstrip("/").split("/")
    return "__MACOSX" in (*folders, last) or last.lower() in _CLUTTER or last.startswith("._")


def is_archive_name(name: str) -> bool:
    return extension_of(name) in ARCHIVES


def extension_of(name: str) -> str:
    """The ending of a name, in small letters; empty for a name without one."""
    last = name.rsplit("/", 1)[-1]
    return last.rsplit(".", 1)[1].lower() if "." in last else ""


def class_of_path(name: str) -> str:
    """The class that the nearest folder of a path names, in any of its spellings; empty where none does."""
    for folder in reversed(name.split("/")[:-1]):
        try:
            return canonical_label(folder)
        except LabelError:
            continue
    return ""
