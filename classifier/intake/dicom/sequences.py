"""Which family an MR sequence belongs to, by what the scanner recorded of it and by what people called it.

One of a few words comes out, whatever was written: a series' name may hold a patient's. What was measured (times,
diffusion, contrast) is asked where names say nothing; the bounds are those of clinical brain protocols at 1.5 and 3 T.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from classifier.intake.dicom import keep_list as tags
from classifier.intake.dicom.elements import Kept
from classifier.intake.dicom.values import decimal, double, first_item, items, word, words

# The first that fits counts. "_" separates words in scanners' names, so \b is not enough.
_NAMES: Final = {
    "other": r"tof|angio\w*|mra|mrv|perf\w*|asl|pwi|dsc|bold|fmri|loc|locali[sz]er|scout|survey|spectro\w*|mrs",
    "diffusion": r"dwi|dti|adc|diff\w*|trace\w*|ep2d diff\w*|b ?(?:500|800|1000|1500|2000)",
    "susceptibility": r"swi|swan|t2 ?(?:\*|star)|t2s|venobold|haemo\w*|hemo\w*",
    "flair": r"(?:t2 ?)?flair\w*|dark fluid|tirm dark\w*",
    "proton_density": r"pd|pdw|proton\w*",
    "t2": r"t2w?|ciss|fiesta|drive",
    "t1": r"t1w?|mpr|mp2?rage|bravo|f?spgr|tfe",
}
# The first that fits counts; between words stands anything but a letter or a digit, or the end.
_CALLED: Final = tuple(
    (family, re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])")) for family, pattern in _NAMES.items()
)
_AFTER_CONTRAST: Final = re.compile(
    r"(?<![a-z0-9])(?:gd|gad\w*|gadolin\w*|contrast|\+ ?c|ce|cm|km|post|dotarem|gadovist|magnevist)(?![a-z0-9])"
)
_WITHOUT_CONTRAST: Final = re.compile(
    r"(?<![a-z0-9])(?:pre|non|no|ohne|without|native|nativ|vor)(?![a-z0-9])"
)
_RECORDED: Final = {
    "DIFFUSION": "diffusion",
    "FLUID_ATTENUATED": "flair",
    "PROTON_DENSITY": "proton_density",
    "SUSCEPTIBILITY": "susceptibility",
    "T1": "t1",
    "T2": "t2",
    "T2_STAR": "susceptibility",
    "PERFUSION": "other",
    "TAGGING": "other",
    "TEMPERATURE": "other",
    "FLOW_ENCODED": "other",
    "STIR": "other",
}
_NO_AGENT: Final = ("", "NO", "NONE", "N", "NEIN", "KEINE", "OHNE")


@dataclass(frozen=True, slots=True)
class _Measured:
    """Times in ms, a diffusion weighting in s/mm², and the scanner's own codes."""

    repetition: float | None
    echo: float | None
    inversion: float | None
    diffusion: float | None
    codes: frozenset[str]


def sequence_family(kept: Kept, *groups: Kept) -> str:
    """Returns one of `facts.SEQUENCE_FAMILIES`, or "" where nothing tells.

    Args:
        kept: the file's data set.
        groups: of an enhanced file, the functional groups of the frame and those of all frames.
    """
    family = _recorded(kept, groups) or _called(kept) or _measured(_measures(kept, groups))
    return "t1_contrast" if family == "t1" and _has_contrast(kept) else family


def _recorded(kept: Kept, groups: tuple[Kept, ...]) -> str:
    places = [first_item(group, tags.FRAME_TYPE) for group in groups] + [kept]
    said = (word(place, tags.ACQUISITION_CONTRAST) for place in places)
    return next((_RECORDED[one] for one in said if one in _RECORDED), "")


def _called(kept: Kept) -> str:
    image_types = " ".join(words(kept, tags.IMAGE_TYPE)[2:])
    for name in (word(kept, tags.SERIES_DESCRIPTION), word(kept, tags.PROTOCOL), image_types):
        spaced = re.sub(r"[_-]", " ", name.casefold())
        found = next((family for family, pattern in _CALLED if pattern.search(spaced)), "")
        if found:
            return found
    return ""


def _measures(kept: Kept, groups: tuple[Kept, ...]) -> _Measured:
    def inside(sequence: int) -> list[Kept]:
        return [first_item(group, sequence) for group in groups]

    def first(found: Iterable[float | None]) -> float | None:
        return next((value for value in found if value is not None), None)

    return _Measured(
        repetition=first(decimal(one, tags.REPETITION) for one in [kept, *inside(tags.TIMING)]),
        echo=first(
            [decimal(kept, tags.ECHO), *(double(one, tags.EFFECTIVE_ECHO) for one in inside(tags.ECHOES))]
        ),
        inversion=first(
            [decimal(kept, tags.INVERSION), *(double(one, tags.INVERSIONS) for one in inside(tags.MODIFIERS))]
        ),
        diffusion=first(double(one, tags.B_VALUE) for one in [kept, *inside(tags.DIFFUSION)]),
        codes=frozenset(words(kept, tags.SCANNING_SEQUENCE) + words(kept, tags.SEQUENCE_VARIANT)),
    )


def _measured(said: _Measured) -> str:
    if said.diffusion:
        return "diffusion"
    if said.repetition is None or said.echo is None:
        return ""
    if said.inversion and said.inversion > 1500 and said.echo > 60:
        return "flair"
    if "GR" in said.codes:
        return _gradient_echo(said.echo)
    if said.repetition < 1000 and said.echo < 30:
        return "t1"
    if said.repetition >= 1800:
        return "t2" if said.echo >= 70 else "proton_density" if said.echo < 40 else "other"
    return "other"


def _gradient_echo(echo: float) -> str:
    # Between the two lie times at which fat and water, not the tissues, decide.
    return "t1" if echo < 9 else "susceptibility" if echo > 12 else "other"


def _has_contrast(kept: Kept) -> bool:
    agents = [word(kept, tags.CONTRAST_AGENT)]
    agents += [word(item, tags.CONTRAST_AGENT) for item in [first_item(kept, tags.CONTRAST_AGENTS)]]
    if any(agent.upper() not in _NO_AGENT for agent in agents) or items(kept, tags.CONTRAST_AGENTS):
        return True
    names = f"{word(kept, tags.SERIES_DESCRIPTION)} {word(kept, tags.PROTOCOL)}"
    names = re.sub(r"[_-]", " ", names.casefold())
    return bool(_AFTER_CONTRAST.search(names)) and not _WITHOUT_CONTRAST.search(names)
