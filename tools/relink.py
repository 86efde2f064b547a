#!/usr/bin/env python3
"""Leads results of the platform back to your own identifiers, on your side: it runs alone, and sends nothing anywhere.

What was sent as DICOM is known on the platform under UIDs that nobody there can lead back. You can, because you have
the files: a receipt names each by the sha256 of its bytes. So keep the files as you sent them, fetch the receipt of
each study (`GET /api/v1/studies/<id>/receipt`, or *Receipt* on its page), and then:

    python relink.py --originals FOLDER --receipts FOLDER --out FOLDER RESULTS…

RESULTS are what the platform gives out: CSV, JSON Lines, or DICOM (SR, Secondary Capture). A line of a CSV or JSON
Lines file gets columns of your own: `original_patient_id`, `original_study_uid`, `original_series_uid`,
`original_instance_uid`. A DICOM file gets back your UIDs, the subject and the study. What cannot be led back stays as
it is, and is counted. Files from several folders come to lie in `--out` as they lay below the folder that they share;
nothing that is there is written over.

Needs Python 3.10 and pydicom (`pip install pydicom`), and nothing else of this repository.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pydicom
from pydicom.dataset import Dataset

FORMAT = "mri-receipt-1"
COLUMNS = ("original_patient_id", "original_study_uid", "original_series_uid", "original_instance_uid")
# Of a study and its subject; they go back into a DICOM file that is about one study.
STUDY_KEYWORDS = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "AccessionNumber", "ReferringPhysicianName", "StudyID", "StudyDescription",
)  # fmt: skip
# A cell that a spreadsheet would take for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
# What a file that is none of its kind comes to.
FAULTS = (OSError, ValueError, KeyError, csv.Error, pydicom.errors.InvalidDicomError)


@dataclass(frozen=True)
class Original:
    """Your own names for one file that was sent."""

    patient_id: str
    study_uid: str
    series_uid: str
    instance_uid: str
    header: Dataset

    def columns(self) -> dict[str, str]:
        return dict(
            zip(COLUMNS, (self.patient_id, self.study_uid, self.series_uid, self.instance_uid), strict=True)
        )


class AlreadyYoursError(Exception):
    """Led back, it would be a second file under a UID of yours, and not the one that you have."""


class Links:
    """From the platform's names to yours.

    Attributes:
        uids: each of your UIDs by the one that stands for it on the platform.
        missing: entries of receipts whose file is not among the originals.
    """

    def __init__(self) -> None:
        self.uids: dict[str, str] = {}
        self.missing = 0
        self._instances: dict[str, Original] = {}
        self._images: dict[str, Original] = {}
        self._studies: dict[str, Original] = {}

    def add(self, study: str, entry: Mapping[str, Any], original: Original) -> None:
        self.uids[entry["study_uid"]] = original.study_uid
        self.uids[entry["series_uid"]] = original.series_uid
        self.uids[entry["instance_uid"]] = original.instance_uid
        self._instances[entry["instance_uid"]] = original
        if entry.get("image"):
            # Of two instances with the same pixels the first is the one that was stored.
            self._images.setdefault(str(entry["image"]), original)
        self._studies.setdefault(entry["study_uid"], original)
        self._studies.setdefault(study, original)

    def instance(self, uid: str) -> Original | None:
        return self._instances.get(uid)

    def of_line(self, line: Mapping[str, Any]) -> Original | None:
        """The original that a line of results is about: by its instance, else its image, else its study."""
        for name, known in (
            ("instance_uid", self._instances), ("image", self._images), ("image_id", self._images),
        ):  # fmt: skip
            if line.get(name) and str(line[name]) in known:
                return known[str(line[name])]
        return None

    def of_study(self, line: Mapping[str, Any]) -> Original | None:
        """One original of the study that a line is about, where nothing says of which image."""
        for name in ("study_uid", "study", "study_id"):
            if line.get(name) and str(line[name]) in self._studies:
                return self._studies[str(line[name])]
        return None


def read_originals(folder: Path) -> dict[str, Original]:
    """Your files by the sha256 of their bytes; what is no DICOM is passed over."""
    found = {}
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except (pydicom.errors.InvalidDicomError, OSError):
            continue
        found[sha256_of(path)] = Original(
            patient_id=str(header.get("PatientID", "")),
            study_uid=str(header.get("StudyInstanceUID", "")),
            series_uid=str(header.get("SeriesInstanceUID", "")),
            instance_uid=str(header.get("SOPInstanceUID", "")),
            header=header,
        )
    return found


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def read_links(receipts: list[Path], originals: Mapping[str, Original]) -> Links:
    """What the receipts lead back.

    Raises:
        ValueError: a file is no receipt.
    """
    links = Links()
    for path in receipts:
        receipt = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(receipt, dict) or receipt.get("format") != FORMAT:
            raise ValueError(f"{path} is no receipt of this platform (format {FORMAT}).")
        for entry in receipt["entries"]:
            original = originals.get(entry["file_sha256"])
            if original is None:
                links.missing += 1
            else:
                links.add(str(receipt["study"]), entry, original)
    return links


def own_columns(line: Mapping[str, Any], links: Links) -> dict[str, str] | None:
    """Your names for what a line is about; of a line about a whole study, series and instance stay empty."""
    if found := links.of_line(line):
        return found.columns()
    if found := links.of_study(line):
        return found.columns() | {"original_series_uid": "", "original_instance_uid": ""}
    return None


def relink_csv(source: Path, target: IO[bytes], links: Links) -> tuple[int, int]:
    """Write a CSV with your columns after its own.

    Returns:
        How many lines were led back, and how many there are.
    """
    with (
        source.open(newline="", encoding="utf-8-sig") as file,
        io.TextIOWrapper(target, newline="", encoding="utf-8") as out,
    ):
        reader = csv.DictReader(file)
        writer = csv.DictWriter(out, [*(reader.fieldnames or ()), *COLUMNS], lineterminator="\r\n")
        writer.writeheader()
        done = total = 0
        for line in reader:
            own = own_columns(line, links)
            writer.writerow({**line, **{name: _cell(value) for name, value in (own or {}).items()}})
            done, total = done + (own is not None), total + 1
    return done, total


def _cell(value: str) -> str:
    return f"'{value}" if value.startswith(FORMULA) else value


def relink_lines(source: Path, target: IO[bytes], links: Links) -> tuple[int, int]:
    """Write JSON Lines with your names beside the platform's; as `relink_csv`."""
    with source.open(encoding="utf-8") as file, io.TextIOWrapper(target, encoding="utf-8") as out:
        done = total = 0
        for text in filter(str.strip, file):
            line = json.loads(text)
            own = own_columns(line, links) if isinstance(line, dict) else None
            out.write(json.dumps({**line, **own} if own else line, ensure_ascii=False) + "\n")
            done, total = done + (own is not None), total + 1
    return done, total


def relink_dicom(source: Path, target: IO[bytes], links: Links) -> tuple[int, int]:
    """Write a DICOM file with your UIDs wherever one of the platform's stands, and with your subject and study.

    Raises:
        AlreadyYoursError: it is the platform's copy of an image that you sent.
    """
    dataset = pydicom.dcmread(source)
    if links.instance(str(dataset.get("SOPInstanceUID", ""))):
        raise AlreadyYoursError
    about = links.of_study({"study_uid": str(dataset.get("StudyInstanceUID", ""))})
    if about is None:
        dataset.save_as(target)
        return 0, 1
    _put_back(dataset, links)
    for keyword in STUDY_KEYWORDS:
        if keyword in about.header:
            dataset[keyword] = about.header[keyword]
    if "SpecificCharacterSet" in about.header:
        dataset.SpecificCharacterSet = about.header.SpecificCharacterSet
    # It names a person again, and says so.
    for keyword in ("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.save_as(target)
    return 1, 1


def _put_back(dataset: Dataset, links: Links) -> None:
    """Your UIDs in the place of the platform's, at every depth; what is referred to is of the class that yours is."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _put_back(item, links)
        elif element.VR == "UI" and element.value:
            if element.keyword == "ReferencedSOPInstanceUID" and (own := links.instance(str(element.value))):
                dataset.ReferencedSOPClassUID = own.header.SOPClassUID
            values = element.value if element.VM > 1 else [element.value]
            back = [links.uids.get(str(value), str(value)) for value in values]
            element.value = back if element.VM > 1 else back[0]


KINDS: dict[str, Callable[[Path, IO[bytes], Links], tuple[int, int]]] = {
    ".csv": relink_csv, ".jsonl": relink_lines, ".ndjson": relink_lines, ".dcm": relink_dicom,
}  # fmt: skip


def planned(results: list[Path], out: Path) -> dict[Path, Path]:
    """Where each file comes to lie: below `out` as it lies below the folder that all of them share.

    Raises:
        ValueError: a file is of no kind that is known, or something is there already. Nothing is written then.
    """
    sources = dict.fromkeys(source.parent.resolve() / source.name for source in results)
    shared = os.path.commonpath([source.parent for source in sources])
    places = {source: out / source.relative_to(shared) for source in sources}
    for source, target in places.items():
        if source.suffix.lower() not in KINDS:
            raise ValueError(f"{source} is neither .csv nor .jsonl nor .dcm. Nothing was written.")
        if target.exists():
            raise ValueError(f"{target} is there already; choose another --out. Nothing was written.")
    return places


def relink(source: Path, target: Path, links: Links) -> tuple[int, int]:
    """Lead one file of results back, into a file that must not be there yet; where that fails there is none.

    Raises:
        FileExistsError: it is there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    file = target.open("xb")
    try:
        with file:
            return KINDS[source.suffix.lower()](source, file, links)
    except BaseException:
        target.unlink()
        raise


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--originals", type=Path, required=True, help="folder of DICOM files as they were sent"
    )
    parser.add_argument("--receipts", type=Path, required=True, help="a receipt (JSON), or a folder of them")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is written")
    parser.add_argument("results", type=Path, nargs="+", help="CSV, JSON Lines or DICOM of the platform")
    asked = parser.parse_args(arguments)
    try:
        receipts = sorted(asked.receipts.glob("*.json")) if asked.receipts.is_dir() else [asked.receipts]
        links = read_links(receipts, read_originals(asked.originals))
        places = planned(asked.results, asked.out)
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    failed = [source for source, target in places.items() if not _led_back(source, target, asked.out, links)]
    if links.missing:
        said = "lines of the receipts are about files that are not among the originals."
        sys.stderr.write(f"{links.missing} {said}\n")
    return 1 if failed else 0


def _led_back(source: Path, target: Path, out: Path, links: Links) -> bool:
    """Lead one file back and say what became of it: whether it went well."""
    name = target.relative_to(out).as_posix()
    try:
        done, total = relink(source, target, links)
    except AlreadyYoursError:
        sys.stdout.write(f"{name}: an image that you have; nothing was written\n")
    except FAULTS as error:
        sys.stderr.write(f"{name}: not written. {error}\n")
        return False
    else:
        sys.stdout.write(f"{name}: {done} of {total} led back\n")
    return True


if __name__ == "__main__":
    sys.exit(main())
