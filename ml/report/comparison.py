"""The report of a comparison (`ml.comparison.compare`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from ml.labels import DISPLAY_NAMES
from ml.report import charts
from ml.report.blocks import Cell, Chart, KeyFigure, Section, Table, share, span

Facts = Mapping[str, Any]

_DIFFERENCES: Final = (
    ("accuracy", "accuracy"), ("macro_f1", "macro F1"), ("recall_meningioma", "recall of meningioma"),
)  # fmt: skip
_FIGURES: Final = (
    "accuracy", "balanced_accuracy", "macro_f1", "tumour_only_accuracy", "macro_auroc", "ece", "brier", "log_loss",
)  # fmt: skip

_ANSWERS: Final = {
    "pass": "passes", "fail": "fails", "insufficient": "too little to say", "not_asked": "not asked",
}  # fmt: skip


def comparison_headline(facts: Facts) -> list[KeyFigure]:
    """Returns each model's accuracy, and for each against the last one sentence that says which is better."""
    cards = [
        KeyFigure(f"Accuracy of {name}", share(one["accuracy"]), span(one.get("intervals", {}).get("accuracy")),
                  f"Macro F1 {share(one['macro_f1'])}, meningioma recall "
                  f"{share(one['per_class']['meningioma']['recall'])}.")
        for name, one in facts["models"].items()
    ]  # fmt: skip
    pairs = [
        KeyFigure(f"{pair['a']} minus {pair['b']}", _signed(pair["accuracy"]["difference"]),
                  span(pair["accuracy"]["interval"]), verdict(pair), "plain" if _open(pair) else "good")
        for pair in facts["pairs"] if pair["b"] == list(facts["models"])[-1]
    ]  # fmt: skip
    return [*cards, *pairs]


def verdict(pair: Facts) -> str:
    """Returns in one sentence what a pair's difference in accuracy and its test say together."""
    low, high = pair["accuracy"]["interval"]
    p = pair["mcnemar"]["p_holm"]
    better, worse = (pair["a"], pair["b"]) if low > 0 else (pair["b"], pair["a"])
    if _open(pair):
        side = (
            "The interval contains 0"
            if low <= 0 <= high
            else "The interval excludes 0, but the test does not agree"
        )
        return f"{side} (p {_p(p)}): these images do not show which of the two is better."
    return f"{better} is better than {worse} on these images (p {_p(p)})."


def comparison_sections(facts: Facts, gates: Sequence[Facts] = ()) -> list[Section]:
    """Returns the sections of a comparison.

    Args:
        facts: of `ml.comparison.compare`.
        gates: for each candidate `candidate`, `incumbent`, `verdict` and `criteria` of `ml.gate.judge`.
    """
    sections = [_gate(gates)] if gates else []
    return [*sections, _differences(facts), _figures(facts), _classes(facts)]


def _differences(facts: Facts) -> Section:
    rows: list[list[Cell]] = []
    for pair in facts["pairs"]:
        test = pair["mcnemar"]
        gains = [_gain(pair[key]) for key, _ in _DIFFERENCES]
        alone = f"{test['only_a']} : {test['only_b']}"
        rows.append([_pair(pair), *gains, alone, _p(test["p"]), _p(test["p_holm"]), verdict(pair)])
    names = [name for _, name in _DIFFERENCES]
    header = ["difference", *names, "named right by one alone", "McNemar p", "p, Holm", "what it says"]
    note = (
        "In brackets 95 % intervals, which resample whole subjects, the same ones for both models. McNemar's exact "
        "test asks whether the images that only one of the two named right divide evenly; it takes images as "
        "independent, so where subjects have many it is the more optimistic of the two. Holm's correction allows for "
        "the number of pairs."
    )
    return Section("Which is better?", [_forest(facts), Table(header, rows, note=note)])


def _forest(facts: Facts) -> Chart:
    rows = [
        (_pair(pair), pair["accuracy"]["difference"], pair["accuracy"]["interval"]) for pair in facts["pairs"]
    ]
    alt = "; ".join(f"{name}: {value:+.3f}, {low:+.3f} to {high:+.3f}" for name, value, (low, high) in rows)
    return Chart(
        partial(charts.forest, rows, xlabel="difference in accuracy, with 95 % interval"),
        "Right of the dashed line the first of the pair is better, left of it the second. A line that crosses it "
        "leaves the question open.",
        f"Differences in accuracy. {alt}.",
    )


def _figures(facts: Facts) -> Section:
    rows: list[list[Cell]] = [
        [name, *(one[key] for key in _FIGURES), span(one.get("intervals", {}).get("accuracy"))]
        for name, one in facts["models"].items()
    ]
    header = ["model", "accuracy", "balanced accuracy", "macro F1", "accuracy among tumours", "macro AUROC", "ECE",
              "Brier score", "log loss", "95 % interval of accuracy"]  # fmt: skip
    return Section("Figures side by side", [Table(header, rows)], "All measured on the same images.")


def _classes(facts: Facts) -> Section:
    first = next(iter(facts["models"].values()))["per_class"]
    rows: list[list[Cell]] = []
    for name, one in facts["models"].items():
        spans = one.get("intervals", {})
        rows += [
            [
                name,
                DISPLAY_NAMES[label],
                row["n"],
                row["recall"],
                span(spans.get(f"recall_{label}")),
                row["precision"],
                row["f1"],
                row["auroc"],
            ]
            for label, row in one["per_class"].items()
        ]
    header = ["model", "class", "images", "recall", "95 % interval", "precision", "F1", "AUROC"]
    recalls = {
        name: [math.nan if row["recall"] is None else row["recall"] for row in one["per_class"].values()]
        for name, one in facts["models"].items()
    }
    alt = "; ".join(
        f"{name}: " + ", ".join(share(row["recall"]) for row in one["per_class"].values())
        for name, one in facts["models"].items()
    )
    chart = Chart(partial(charts.bars, [DISPLAY_NAMES[label] for label in first], recalls, ylabel="recall"),
                  "Share of each class that a model finds.", f"Recall by class. {alt}.")  # fmt: skip
    return Section("By class", [chart, Table(header, rows)])


def _gate(gates: Sequence[Facts]) -> Section:
    tables = [
        Table(
            [f"{gate['candidate']} in place of {gate['incumbent']}: {_ANSWERS[gate['verdict']]}", "answer"],
            [[one["sentence"], _ANSWERS[one["answer"]]] for one in gate["criteria"]],
        )
        for gate in gates
    ]
    lead = "The gate's written rule: may the candidate take the incumbent's place?"
    return Section("Gate", list(tables), lead)


def _pair(pair: Facts) -> str:
    return f"{pair['a']} − {pair['b']}"


def _open(pair: Facts) -> bool:
    low, high = pair["accuracy"]["interval"]
    return bool(low <= 0 <= high or pair["mcnemar"]["p_holm"] >= 0.05)


def _gain(compared: Facts) -> str:
    within = span(compared["interval"])
    return _signed(compared["difference"]) + (f" ({within})" if within else "")


def _signed(value: float | None) -> str:
    return "not defined" if value is None else f"{value:+.3f}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
