"""ZIP archives: what is in one is read from its directory, held against limits, and taken out entry by entry.

Nothing is ever unpacked to a disk, and no name is used as a path. The standard library's `zipfile` reads a whole
directory before anybody can count it, mends names (a NUL ends one) and tolerates bytes before and after the archive,
in which two readers may see two archives; so the directory is read here, strictly, and `zipfile` is what the tests
hold it against.
"""

from classifier.intake.archive.directory import read_directory
from classifier.intake.archive.entry import Entry
from classifier.intake.archive.inflating import EntryDamaged, read_entry
from classifier.intake.archive.limits import ArchiveLimits, Readable
from classifier.intake.archive.naming import class_of_path
from classifier.intake.archive.refusals import ArchiveRefused

__all__ = [
    "ArchiveLimits",
    "ArchiveRefused",
    "Entry",
    "EntryDamaged",
    "Readable",
    "class_of_path",
    "read_directory",
    "read_entry",
]
