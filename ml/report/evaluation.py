"""The report of an evaluation (`ml.metrics.evaluate`): what a radiologist wants to know first, then everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from ml.labels import DISPLAY_NAMES
from ml.report import charts
from ml.report.blocks import Block, Chart, Fold, KeyFigure, Pair, Section, Table, Text, share, span

Figures = Mapping[str, Any]

_OVERALL: Final = (
    ("accuracy", "Accuracy", "share of all images that were named right"),
    ("balanced_accuracy", "Balanced accuracy", "mean of the four recalls: every class counts the same, however rare"),
    ("macro_f1", "Macro F1", "mean over the classes of the balance between finding all and calling no others"),
    ("tumour_only_accuracy", "Accuracy among tumours", "of the images with a tumour, how often the likeliest of the "
     "three tumours is the true one"),
    ("macro_auroc", "Macro AUROC", "chance that an image of a class gets more of that class than an image without it"),
    ("macro_average_precision", "Macro average precision", "mean precision along the precision-recall curve"),
    ("ece", "Calibration error (ECE)", "mean gap between how sure the model was and how often it was right, 15 bins"),
    ("brier", "Brier score", "mean squared distance of the probabilities from the truth: 0 is perfect, 2 the worst"),
    ("log_loss", "Log loss", "mean surprise at the truth, in nats: 0 is perfect, 1.386 is guessing"),
)  # fmt: skip
_ROC: Final = (
    "ROC curves: a curve that hugs the upper left corner finds its class with few false alarms; the dotted line is "
    "guessing."
)
_PR: Final = (
    "Precision against recall: what share of the alarms is true when so much of the class is to be found."
)
_F1: Final = (
    "F1 against the threshold: a flat top means that the exact threshold matters little; the dot is the best, chosen "
    "on these very images and so a little flattering."
)
_BY_CLASS: Final = ("recall", "precision", "specificity", "f1", "auroc", "average_precision")
_FEW: Final = 30


def headline(figures: Figures) -> list[KeyFigure]:
    """Returns the figures that stand on top of a report, each with a sentence in plain words."""
    spans, recalls = figures.get("intervals", {}), _recalls(figures)
    hundred = round(100 * figures["accuracy"])
    found = [
        KeyFigure("Accuracy", share(figures["accuracy"]), span(spans.get("accuracy")),
                  f"Of 100 images like these, about {hundred} get their right name."),
        KeyFigure("Balanced accuracy", share(figures["balanced_accuracy"]), span(spans.get("balanced_accuracy")),
                  "The same, with every class counting as much as any other."),
    ]  # fmt: skip
    if figures.get("macro_f1") is not None:
        found.append(KeyFigure("Macro F1", share(figures["macro_f1"]), span(spans.get("macro_f1")),
                               "Missed images and false alarms weighed together, mean of the classes."))  # fmt: skip
    if figures.get("tumour_only_accuracy") is not None:
        found.append(
            KeyFigure("Accuracy among tumours", share(figures["tumour_only_accuracy"]),
                      span(spans.get("tumour_only_accuracy")), "Which of the three tumours, when there is one.")
        )  # fmt: skip
    if recalls:
        name = min(recalls, key=lambda key: recalls[key])
        found.append(
            KeyFigure(f"Recall of the weakest: {DISPLAY_NAMES[name].lower()}", share(recalls[name]),
                      span(spans.get(f"recall_{name}")),
                      f"Of 100 such images about {round(100 * recalls[name])} are found; the others get a wrong name.",
                      "warn" if recalls[name] < 0.9 else "plain")
        )  # fmt: skip
    return [*found, _trust_card(figures, spans)]


def caveats(figures: Figures) -> list[str]:
    """Returns what the figures do not say: few subjects, few images of a class, other hospitals."""
    said = []
    few = [
        f"{DISPLAY_NAMES[name].lower()} ({row['n']})"
        for name, row in figures["per_class"].items()
        if row["n"] < _FEW
    ]
    if few:
        said.append(
            f"Some classes have fewer than {_FEW} images here: {', '.join(few)}. Their figures are anecdotes."
        )
    subjects = figures.get("subjects")
    if subjects is not None and subjects < _FEW:
        said.append(
            f"Only {subjects} {'subject or cluster' if subjects == 1 else 'subjects or clusters'} of like images were "
            "measured. Intervals from so few come out too narrow, and from one there are none."
        )
    if subjects is not None and subjects < figures["n"]:
        said.append(
            f"The {figures['n']} images come from {subjects} subjects or clusters of like images; images of "
            "one subject are not independent, and the intervals take that into account."
        )
    return [
        *said,
        "They hold for images from the same sources. Another hospital's scanner and sequences usually cost accuracy.",
        "They are about single images of one of four classes. Other findings, other tumours and whole examinations "
        "were not tested.",
    ]


def figures_sections(
    figures: Figures,
    *,
    curves: Mapping[str, Mapping[str, Any]] | None = None,
    history: Sequence[Mapping[str, float]] | None = None,
    subgroups: Mapping[str, Mapping[str, Figures]] | None = None,
) -> list[Section]:
    """Returns the sections of an evaluation.

    Args:
        figures: of `ml.metrics.evaluate`, new or stored.
        curves: of `ml.metrics.measure_curves`; without them there is no ROC, precision-recall or threshold curve.
        history: of a training, one entry for each epoch.
        subgroups: by column, the figures of each value (`ml.metrics.evaluate_subgroups`).
    """
    sections = [_overall(figures), _by_class(figures), _confusion(figures)]
    if curves:
        sections.append(_ranking(curves))
    if "reliability" in figures:
        sections.append(_calibration(figures))
    sections += [_subgroups(column, found) for column, found in (subgroups or {}).items()]
    return [*sections, _training(history)] if history else sections


def _overall(figures: Figures) -> Section:
    spans = figures.get("intervals", {})
    rows: list[list[Any]] = [["Images", figures["n"], "", "how many were measured"]]
    rows += [
        [name, figures[key], span(spans.get(key)), meaning]
        for key, name, meaning in _OVERALL
        if figures.get(key) is not None
    ]
    return Section("Figures", [Table(["figure", "value", "95 % interval", "what it says"], rows)])


def _by_class(figures: Figures) -> Section:
    spans = figures.get("intervals", {})
    names = [key for key in _BY_CLASS if all(key in row for row in figures["per_class"].values())]
    rows = [
        [DISPLAY_NAMES[name], row["n"], *(row[key] for key in names), span(spans.get(f"recall_{name}"))]
        for name, row in figures["per_class"].items()
    ]
    header = ["class", "images", *(_word(key) for key in names), "95 % interval of recall"]
    note = (
        "Recall: share of the class that is found. Precision: share of the answers with this class that are true. "
        "Specificity: share of the other images that are not called it. AUROC and average precision: how well the "
        "class's probability ranks its images above the others, whatever the threshold."
    )
    intervals = [
        [DISPLAY_NAMES[name], *(span(spans.get(f"{key}_{name}")) for key in names)]
        for name in figures["per_class"]
    ]
    fold: list[Block] = [Table(["class", *(_word(key) for key in names)], intervals)]
    return Section(
        "By class", [Table(header, rows, note=note), *([Fold("All intervals", fold)] if spans else [])]
    )


def _confusion(figures: Figures) -> Section:
    names = [DISPLAY_NAMES[name] for name in figures["per_class"]]
    counts = figures["confusion"]
    wrong = sorted(
        ((counts[i][j], names[i], names[j]) for i in range(len(names)) for j in range(len(names)) if i != j),
        reverse=True,
    )
    worst = [f"{count} × {truth.lower()} called {said.lower()}" for count, truth, said in wrong[:3] if count]
    text = f"Most frequent mistakes: {'; '.join(worst)}." if worst else "No image was named wrong."
    table = Table(["truth", *names], [[name, *row] for name, row in zip(names, counts, strict=True)],
                  "Rows: the truth. Columns: what the model answered.")  # fmt: skip
    alt = f"Confusion matrix of {figures['n']} images. {text}"
    caption = "Each row is a true class; blue is right, orange is wrong, and the percentages of a row add up to 100."
    return Section(
        "Who is taken for whom",
        [Text(text), Pair([Chart(partial(charts.confusion, counts, names), caption, alt), table])],
    )


def _ranking(curves: Mapping[str, Mapping[str, Any]]) -> Section:
    areas = Table(
        ["class", "AUROC", "average precision", "best F1", "at threshold"],
        [[DISPLAY_NAMES[name], c["auroc"], c["average_precision"], c["best"]["f1"], c["best"]["threshold"]]
         for name, c in curves.items()],
    )  # fmt: skip
    listed = ", ".join(f"{DISPLAY_NAMES[name].lower()} {c['auroc']:.3f}" for name, c in curves.items())
    averages = ", ".join(
        f"{DISPLAY_NAMES[name].lower()} {c['average_precision']:.3f}" for name, c in curves.items()
    )
    best = ", ".join(f"{DISPLAY_NAMES[name].lower()} {c['best']['f1']:.3f} at {c['best']['threshold']:.2f}"
                     for name, c in curves.items())  # fmt: skip
    found = Chart(partial(charts.roc, curves), _ROC, f"ROC curves; AUROC: {listed}.")
    called = Chart(
        partial(charts.precision_recall, curves),
        _PR,
        f"Precision-recall curves; average precision: {averages}.",
    )
    weighed = Chart(partial(charts.f1_threshold, curves), _F1, f"F1 against threshold; best: {best}.")
    title = "Thresholds: what is gained and lost by asking for more certainty"
    return Section(
        title, [Pair([found, called, weighed, areas])], "Here each class is judged alone, against the rest."
    )


def _calibration(figures: Figures) -> Section:
    bins = figures["reliability"]
    rows = [
        [f"{row['low']:.2f} to {row['high']:.2f}", row["n"], row["confidence"], row["accuracy"]]
        for row in bins
        if row["n"]
    ]
    chance = figures.get("ece_by_chance")
    said = f"The calibration error is {share(figures['ece'])}."
    if chance is not None:
        said += (
            f" Were every confidence right, so many images would still show about {share(chance)} by chance."
        )
    table = Table(["how sure", "images", "mean confidence", "share right"], rows)
    caption = (
        "A point on the dashed line: of the images where the model was 80 % sure, 80 % were right. Below the line it "
        "was too sure, above it too modest. Points over few images (bars below) scatter by chance, as far as the "
        "upright lines reach."
    )
    return Section(
        "Can its certainty be believed?",
        [
            Text(said),
            Chart(partial(charts.reliability, bins), caption, f"Reliability diagram. {said}", table),
        ],
    )


def _subgroups(column: str, found: Mapping[str, Figures]) -> Section:
    rows = [
        [value, one["n"], one["accuracy"], span(one.get("intervals", {}).get("accuracy")), one["balanced_accuracy"],
         one["macro_f1"], *(one["per_class"][name]["recall"] for name in one["per_class"]), one["ece"]]
        for value, one in found.items()
    ]  # fmt: skip
    names = [f"recall, {DISPLAY_NAMES[name].lower()}" for name in next(iter(found.values()))["per_class"]]
    header = [column, "images", "accuracy", "95 % interval", "balanced accuracy", "macro F1", *names, "ECE"]
    points = [
        (f"{value} ({one['n']})", one["accuracy"], one.get("intervals", {}).get("accuracy"))
        for value, one in found.items()
    ]
    alt = (
        "Accuracy by " + column + ": " + ", ".join(f"{label} {value:.3f}" for label, value, _ in points) + "."
    )
    chart = Chart(partial(charts.forest, points, xlabel="accuracy, with 95 % interval", zero=False),
                  "In brackets the images. Intervals that do not overlap are a difference to be explained; a wide one "
                  "means few subjects.", alt)  # fmt: skip
    note = (
        "A figure is not defined where a subgroup has no image of the class. Macro F1 counts a class that the model "
        "named there without an image of it as 0; balanced accuracy leaves it out."
    )
    return Section(
        f"By {column}", [chart, Table(header, rows, note=note)], "The same figures on parts of the images."
    )


def _training(history: Sequence[Mapping[str, float]]) -> Section:
    keys = list(dict.fromkeys(key for row in history for key in row))
    table = Table([_word(key) for key in keys], [[_whole(row.get(key)) for key in keys] for row in history])
    caption = (
        "A validation curve that turns away from the training curve is learning by heart. Training loss is measured on "
        "altered images with smoothed labels, and so lies above the validation loss."
    )
    chart = Chart(
        partial(charts.training, history), caption, f"Training curves over {len(history)} epochs.", table
    )
    return Section("How it was trained", [chart])


def _trust_card(figures: Figures, spans: Mapping[str, Sequence[float]]) -> KeyFigure:
    gap = figures["ece"]
    return KeyFigure(
        "Calibration error", share(gap), span(spans.get("ece")),
        f"When it says 90 %, it means that within about {max(1, round(100 * gap))} points, on average.",
        "warn" if gap > 0.05 else "plain",
    )  # fmt: skip


def _recalls(figures: Figures) -> dict[str, float]:
    rows = figures["per_class"].items()
    return {name: row["recall"] for name, row in rows if row.get("recall") is not None}


def _word(key: str) -> str:
    words = {"f1": "F1", "auroc": "AUROC", "ece": "ECE"}
    return words.get(key, key.replace("_", " "))


def _whole(value: float | None) -> float | int | None:
    return int(value) if value is not None and float(value).is_integer() else value
