"""What figures are called, how each is to be read and whose method it is, for pages and for programs."""

from dataclasses import dataclass
from typing import Any, Final

from classifier.selectors import ANSWER_NAMES
from reviews.figures.data import KNOWN_CASE
from reviews.models import ReviewEvent

_WILSON: Final = "Wilson 1927; effective sample size by subject: Korn & Graubard 1998, Franco et al. 2019"
_BY_SUBJECT: Final = "by subject where one has several images: Liang & Zeger 1986"
_KAPPA: Final = f"Cohen 1960; interval: Fleiss, Cohen & Everitt 1969, {_BY_SUBJECT}"
_PSI: Final = "Siddiqi 2006; Yurdakul & Naranjo 2020"
_MIXED: Final = (
    f"Balanced accuracy: mean recall, interval by MOVER (Zou & Donner 2008). Kappa: {_KAPPA}. {_WILSON}"
)
_TRUTH: Final = (
    "The truth is the final label or that of a known case, never the machine's answer. A label that rests on one "
    "reader alone measures nobody."
)


@dataclass(frozen=True)
class Words:
    """A figure in words.

    Attributes:
        title, about: its name, and how to read it.
        source: whose method it is.
        group: the heading under which it stands.
        labels: the columns that say what a row is about, by their heading.
        chart: `forest`, `reliability`, `periods`, or empty for none.
    """

    title: str
    about: str
    source: str
    group: str
    labels: dict[str, str]
    chart: str = "forest"


FIGURES: Final = {
    "between_readers": Words(
        "Agreement between readers",
        "On images that at least two readers read. First reads are independent of each other and of the machine; "
        "verdicts may not be. AC1 stays near the observed agreement where almost all images have one label.",
        f"Fleiss 1971; Gwet 2008, with his variance for both, {_BY_SUBJECT}",
        "Readers",
        {"said": "Said", "measure": "Measure"},
    ),
    "pairs_of_readers": Words(
        "Agreement of each two readers",
        "Cohen's kappa on the images that both read. Readers are numbered in no order that tells who they are.",
        _KAPPA,
        "Readers",
        {"said": "Said", "reader": "Reader", "other": "And"},
    ),
    "with_themselves": Words(
        "Agreement of readers with themselves",
        "Images that were shown to the same reader again without saying so: how often the verdict was the same.",
        f"{_KAPPA}. {_WILSON}",
        "Readers",
        {"measure": "Measure"},
    ),
    "known_cases": Words(
        "Right on known cases",
        "Cases whose label is known from elsewhere, shown among the others. What was said before any answer was shown "
        "counts; in assisted reading the verdict.",
        _WILSON,
        "Readers",
        {"label": "Label"},
    ),
    "with_machine": Words(
        "Agreement with the machine",
        "In the same blinded readings before and after its answer was shown; where it is shown from the start; and "
        "where it never is.",
        f"{_KAPPA}. {_WILSON}",
        "Readers and the machine",
        {"when": "When", "measure": "Measure"},
    ),
    "with_without": Words(
        "With the machine and without it",
        f"{_TRUTH} Labels on which the readers agreed are theirs too and flatter what they said last; labels decided "
        "by others, an adjudicator or a known case, do not.",
        _MIXED,
        "Readers and the machine",
        {"condition": "Read", "truth": "Truth", "measure": "Measure"},
    ),
    "change": Words(
        "What the reveal changed",
        "Accuracy after the machine's answer was shown less accuracy before it, in the same readings, in points.",
        "Cluster-robust interval by subject: Liang & Zeger 1986",
        "Readers and the machine",
        {"truth": "Truth"},
    ),
    "automation_bias": Words(
        "What readers made of the answer",
        f"{_TRUTH} Shown to a reader of themselves; pooled only where at least three readers are in it.",
        f"Goddard, Roudsari & Wyatt 2012. {_WILSON}",
        "Readers and the machine",
        {"event": "What happened"},
    ),
    "confidence": Words(
        "Confidence and being right",
        f"How often what was said with each confidence was right. {_TRUTH}",
        _WILSON,
        "Readers and the machine",
        {"condition": "Read", "confidence": "Confidence"},
    ),
    "seconds": Words(
        "Seconds per image",
        "Median of the active time until it was said, time away from the page left out.",
        "Interval between order statistics: Conover 1999, section 3.2",
        "Readers and the machine",
        {"condition": "Read"},
    ),
    "by_reader": Words(
        "Reader by reader",
        "Readers are numbered in no order that tells who they are, and shown from three readers on.",
        _WILSON,
        "Readers and the machine",
        {"reader": "Reader", "measure": "Measure"},
    ),
    "model_accuracy": Words(
        "Accuracy of the version in force",
        "Against the final label, on images that were read whatever the machine answered: no answer chose them, and "
        "none passed them over while they waited. Where readers see the answer from the start, images without a class "
        "wait in a list of their own and are not among these.",
        _MIXED,
        "The machine",
        {"measure": "Measure", "label": "Label"},
    ),
    "truth_paths": Words(
        "Where those labels come from",
        "How the labels came about by which the version in force is measured.",
        "",
        "The machine",
        {"path": "Path"},
        chart="",
    ),
    "calibration": Words(
        "Calibration of the version in force",
        "Of the answers with each stated probability, how many were right; on the line where it means what it says.",
        f"Guo et al. 2017. {_WILSON}",
        "The machine",
        {"from": "From", "to": "To", "confidence": "Mean stated"},
        chart="reliability",
    ),
    "calibration_error": Words(
        "Calibration error",
        "The mean distance from that line; even a perfectly calibrated machine shows some on few images.",
        "Guo et al. 2017; basic bootstrap of whole subjects: Davison & Hinkley 1997",
        "The machine",
        {"measure": "Measure"},
        chart="",
    ),
    "shadow_reads": Words(
        "In the shadow: agreement with first reads",
        "Of versions that answer unseen, beside the answer that readers are shown, on the same images that came in the "
        "shadow's time. First reads are made before any answer is shown, so they favour neither.",
        f"{_KAPPA}. {_WILSON}",
        "In the shadow",
        {"version": "Version", "side": "Of", "measure": "Measure"},
    ),
    "shadow_difference": Words(
        "In the shadow: what it would change",
        "Points by which the version in the shadow agrees more often than the answer, in pairs: on the same first "
        "reads, and on the same final labels. p counts images; the interval knows which are of one subject.",
        "Cluster-robust interval by subject: Liang & Zeger 1986. Exact test: McNemar 1947",
        "In the shadow",
        {"version": "Version", "against": "Against"},
    ),
    "shadow_labels": Words(
        "In the shadow: how often it names the final label",
        "Final labels lean towards the answer: most who gave them had seen it, and nobody the shadow's. Where the two "
        "versions differ little here, look at first reads.",
        _MIXED,
        "In the shadow",
        {"version": "Version", "side": "Of", "measure": "Measure"},
    ),
    "class_mix": Words(
        "Class mix over time",
        "How often the machine, and the final labels, say what, by when images came; period 0 are the first images.",
        _WILSON,
        "Drift",
        {"source": "Of", "label": "Label", "period": "Period", "from_day": "From", "to_day": "To"},
        chart="periods",
    ),
    "mix_drift": Words(
        "Shift of the class mix",
        "Population stability index against the first images: by custom below 0.1 little has changed, above 0.25 much.",
        _PSI,
        "Drift",
        {"source": "Of", "from_day": "From", "to_day": "To"},
        chart="periods",
    ),
    "input_drift": Words(
        "Shift of what comes in",
        "Population stability index of sizes, grey values and unlikeness to a brain MRI against the first images: by "
        "custom below 0.1 little has changed, above 0.25 much.",
        _PSI,
        "Drift",
        {"measure": "Measure", "from_day": "From", "to_day": "To"},
        chart="periods",
    ),
    "embedding_drift": Words(
        "Shift of the embeddings",
        "Squared maximum mean discrepancy between what the version sees in the first images and in later ones: "
        "about 0 where nothing changed. p: how often a random division of the same images is as far apart.",
        "Gretton et al. 2012, Gaussian kernel of median width, permutation test",
        "Drift",
        {"from_day": "From", "to_day": "To"},
        chart="periods",
    ),
}

VALUES: Final[dict[str, dict[Any, str]]] = {
    "said": {"first_read": "First read", "verdict": "Verdict"},
    "measure": {
        "agreement": "Agreement", "fleiss": "Fleiss' kappa", "ac1": "Gwet's AC1", "kappa": "Cohen's kappa",
        "accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "recall": "Recall",
        "ece": "Calibration error",
        "with_themselves": "Agreement with themselves", "known_cases": "Right on known cases",
        "without": "Right without the answer", "after": "Right after the answer", "assisted": "Right with the answer",
        "width": "Width", "height": "Height", "bits": "Bits per pixel", "bytes_per_pixel": "Bytes per pixel",
        "window_centre": "Window level", "window_width": "Window width", "novelty": "Unlikeness to a brain MRI",
    },
    "side": {"shadow": "The version in the shadow", "answer": "The answer"},
    "against": {"first_reads": "First reads", "final_labels": "Final labels"},
    "when": {
        "before": "Before the reveal", "after": "After the reveal",
        "assisted": "Shown from the start", "never": "Never shown",
    },
    "condition": {
        "without": "Without the answer", "after": "After the reveal", "assisted": "With the answer",
    },
    "truth": {"settled": "Several people", "independent": "Others decided"},
    "event": {
        "right_to_wrong": "Right, became wrong once the machine was wrong",
        "kept_right": "Right, stayed right against the machine",
        "wrong_to_right": "Wrong, became right with the machine",
        "ignored_right": "Wrong, stayed wrong although the machine was right",
        "moved": "Differed from the machine, took its answer",
    },
    "label": {**ANSWER_NAMES, "all": "All"},
    "source": {"machine": "The machine's answers", "final": "Final labels"},
    "confidence": dict(ReviewEvent.Confidence.choices),
    "path": {KNOWN_CASE: "Known case"},
}  # fmt: skip
NUMBERS: Final = {
    "readers": "Readers", "count": "Cases", "n": "Images", "value": "Value", "low": "95 % from", "high": "95 % to",
    "only_shadow": "Right: it alone", "only_answer": "Right: the answer alone", "p": "p",
}  # fmt: skip
_NO_SHARE: Final = {
    "kappa": "number", "fleiss": "number", "ac1": "number",
}  # fmt: skip
_UNITS: Final = {
    "pairs_of_readers": "number", "change": "points", "shadow_difference": "points", "seconds": "seconds",
    "mix_drift": "number", "input_drift": "number", "embedding_drift": "number",
}  # fmt: skip


def unit(name: str, row: dict[str, Any]) -> str:
    """What the value of a row is: `share`, `number`, `points` (of percent) or `seconds`."""
    return _UNITS.get(name) or _NO_SHARE.get(row.get("measure", ""), "share")


def columns(name: str, rows: list[dict[str, Any]]) -> dict[str, str]:
    """The columns of a figure's table by their heading: what a row is about, then its numbers."""
    present = {key for row in rows for key in row}
    numbers = {key: heading for key, heading in NUMBERS.items() if key in present}
    return FIGURES[name].labels | numbers
