"""The coded words of a report: SNOMED CT where it has the concept, and a scheme of our own for every class.

A class is always said by our own code too, so that a program needs no table of SNOMED's to read it back.
"""

from __future__ import annotations

from typing import Final

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept

from ml.labels import CLASSES, DISPLAY_NAMES, NOT_ASSESSABLE

SCHEME: Final = "99MRIREVIEW"


def own(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, SCHEME, meaning)


BRAIN_MRI: Final = CodedConcept("816077007", "SCT", "Magnetic resonance imaging of brain")
# What is found, as a finding. The absence of a tumour is no finding that SNOMED CT has a code for as we mean it: no
# glioma, meningioma or pituitary tumour on this image.
FINDINGS: Final = {
    "glioma": CodedConcept("393564001", "SCT", "Glioma"),
    "meningioma": CodedConcept("302820008", "SCT", "Intracranial meningioma"),
    "pituitary": CodedConcept("127024001", "SCT", "Neoplasm of pituitary gland"),
    "notumor": own("notumor", "No tumour"),
    NOT_ASSESSABLE: own(NOT_ASSESSABLE, "Not assessable"),
}
CLASS: Final = own("class", "Class")
CLASS_CODES: Final = {
    **{name: own(name, DISPLAY_NAMES[name]) for name in CLASSES},
    NOT_ASSESSABLE: own(NOT_ASSESSABLE, "Not assessable"),
}
PROBABILITIES: Final = {
    name: own(f"p-{name}", f"Probability of {DISPLAY_NAMES[name].lower()}") for name in CLASSES
}
NOVELTY: Final = own("novelty", "Unlikeness to a brain MRI")
NOVELTY_THRESHOLD: Final = own("novelty-limit", "Unlikeness above which no class is given")
SAID_BY: Final = own("said-by", "Said by")
BY_MACHINE: Final = own("machine", "Model")
BY_READERS: Final = own("readers", "Readers")
HOW_FINAL: Final = own("how-final", "How the label became final")
_PATHS: Final = {
    "one reader": own("one-reader", "One reader"),
    "agreed": own("agreed", "The readers agreed"),
    "majority": own("majority", "Majority of the readers"),
    "senior reader": own("senior-reader", "The most senior reader"),
    "adjudicated": own("adjudicated", "Adjudicated"),
}


def path_code(path: str) -> CodedConcept:
    """How a label became final; of a majority, not how large it was."""
    return _PATHS["majority" if path.startswith("majority") else path]


def schemes() -> list[CodingSchemeIdentificationItem]:
    """What the schemes of the codes are."""
    return [
        CodingSchemeIdentificationItem(
            "SCT", name="SNOMED CT", registry="HL7", uid="2.16.840.1.113883.6.96",
            responsible_organization="SNOMED International",
        ),
        CodingSchemeIdentificationItem(SCHEME, name="MRI Review Platform", version="1"),
    ]  # fmt: skip
