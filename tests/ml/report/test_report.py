import re
from collections.abc import Callable
from html.parser import HTMLParser

import numpy as np
import pytest

from ml.comparison import compare
from ml.metrics import evaluate, evaluate_subgroups, measure_curves
from ml.report import (
    Chart,
    Fold,
    KeyFigure,
    Note,
    Pair,
    Picture,
    Pictures,
    ReportError,
    Section,
    Svg,
    Table,
    Text,
    charts,
    figures_sections,
    render_report,
    to_text,
)
from ml.report.comparison import comparison_headline, comparison_sections
from ml.report.evaluation import caveats, headline

EVIL = "<script>alert(1)</script> & $x^2$ _\"'"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
HISTORY = [
    {"epoch": 1.0, "size": 160.0, "loss": 0.8, "validation_loss": 0.5, "validation_accuracy": 0.8},
    {"epoch": 2.0, "size": 224.0, "loss": 0.5, "validation_loss": 0.4, "validation_accuracy": 0.85},
]


class Reading(HTMLParser):
    """Collects what a page would request, its ids, and whether tags close in order."""

    VOID = {"meta", "link", "img"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
                self.addresses.append(value)
            if name == "id":
                self.ids.append(value)
            assert not name.startswith("on"), name

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def scored(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(200) % 4
    logits = rng.normal(0, 1, (200, 4)) + 2.5 * np.eye(4)[labels]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), labels


@pytest.fixture(scope="module")
def evaluation() -> tuple[dict, str]:
    scores, labels = scored()
    figures = evaluate(scores, labels, bootstrap=100)
    subgroups = {"plane": evaluate_subgroups(scores, labels, ["ax", EVIL] * 100, bootstrap=20)}
    sections = figures_sections(
        figures, curves=measure_curves(scores, labels), history=HISTORY, subgroups=subgroups
    )
    page = render_report(
        f"Evaluation of {EVIL}", sections, lead=EVIL, stamps=[f"leaks {EVIL}"], figures=headline(figures),
        caveats=caveats(figures), facts=[("Checkpoint", EVIL)],
    )  # fmt: skip
    return figures, page


def test_a_page_asks_for_nothing_and_runs_nothing(evaluation: tuple[dict, str]) -> None:
    reading = Reading(evaluation[1])
    assert {"script", "iframe", "object", "embed", "form"}.isdisjoint(reading.tags)
    assert all(address.startswith(("#", "data:")) for address in reading.addresses)
    assert "http" not in evaluation[1]
    assert not re.search(r"@import|url\((?!#)", evaluation[1])
    assert reading.open == []


def test_every_text_is_escaped(evaluation: tuple[dict, str]) -> None:
    assert "<script" not in evaluation[1]
    assert evaluation[1].count("&lt;script&gt;alert(1)") >= 6
    every = [
        Text(EVIL), Note(EVIL, "bad"), Table([EVIL, "b"], [[EVIL, EVIL]], EVIL, EVIL),
        Chart(Svg("<svg></svg>"), EVIL, EVIL, Table([EVIL], [[EVIL]])), Pictures([Picture(PNG, EVIL, EVIL)], EVIL),
        Fold(EVIL, [Text(EVIL)]), Pair([Text(EVIL), Text(EVIL)]),
        Chart(charts.bars([EVIL, "b"], {EVIL: [1, 2], "_c": [2, 3]}, xlabel=EVIL, ylabel=EVIL), "c", "a"),
    ]  # fmt: skip
    page = render_report(
        EVIL, [Section(EVIL, every, EVIL)], figures=[KeyFigure(EVIL, EVIL, EVIL, EVIL)], caveats=[EVIL]
    )
    assert "<script" not in page
    assert Reading(page).open == []


def test_only_our_drawings_are_taken_as_they_are() -> None:
    page = render_report("t", [Section("s", [Chart("<svg onload=x>", "c", "a")])])
    assert "&lt;svg onload=x&gt;" in page


def test_ids_stand_on_a_page_once_and_references_find_them(evaluation: tuple[dict, str]) -> None:
    reading = Reading(evaluation[1])
    assert len(reading.ids) == len(set(reading.ids))
    assert {address[1:] for address in reading.addresses if address.startswith("#")} <= set(reading.ids)
    assert set(re.findall(r"url\(#([^)]+)\)", evaluation[1])) <= set(reading.ids)


def test_a_stamp_stands_on_top_and_in_print_on_every_section(evaluation: tuple[dict, str]) -> None:
    page = evaluation[1]
    assert page.index("leaks ") < page.index('class="figures"')
    assert page.count("in-print") == 2 + page.count("<section id=")


def test_drawings_follow_the_theme_and_are_the_same_every_time() -> None:
    curves = measure_curves(*scored())
    first = charts.roc(curves)
    assert first == charts.roc(curves)
    assert "var(--c1)" in first
    assert not re.search(r"#[0-9a-f]{6}\b(?!-)", re.sub(r'(href="|url\()#[^")]*', "", first))


def test_drawings_carry_alternative_text_and_sentences(evaluation: tuple[dict, str]) -> None:
    page = evaluation[1]
    assert page.count("<svg") == page.count('role="img"') == page.count("<figcaption>")
    assert 'role="img" aria-label=""' not in page
    assert "Training curves over 2 epochs." in page


def test_the_page_states_what_was_measured(evaluation: tuple[dict, str]) -> None:
    figures, page = evaluation
    low, high = figures["intervals"]["tumour_only_accuracy"]
    for value in (figures["accuracy"], figures["macro_f1"], figures["ece"], figures["tumour_only_accuracy"]):
        assert f"{value:.3f}" in page
    assert f"{low:.3f}\u00a0to\u00a0{high:.3f}" in page
    assert all(f">{count}<" in page for row in figures["confusion"] for count in row)


def test_stored_figures_of_an_older_version_are_shown_as_far_as_they_go(evaluation: tuple[dict, str]) -> None:
    stored = ("accuracy", "balanced_accuracy", "brier", "confusion", "ece", "log_loss", "n")
    known = ("auroc", "f1", "n", "precision", "recall", "specificity")
    now = evaluation[0]
    figures = {name: now[name] for name in stored} | {
        "intervals": {"accuracy": now["intervals"]["accuracy"]},
        "per_class": {cls: {name: row[name] for name in known} for cls, row in now["per_class"].items()},
    }
    text = to_text(figures_sections(figures))
    assert f"{figures['accuracy']:.3f}" in text
    assert "Macro F1" not in text
    assert render_report("t", figures_sections(figures), figures=headline(figures))


def test_text_is_aligned_and_leaves_drawings_out() -> None:
    table = Table(["name", "n"], [["long name", 3], ["b", None]])
    chart = Section("Drawn", [Chart(Svg(""), "c", "a")])
    text = to_text([Section("A", [table]), chart, Section("Empty", [])], stamps=["leaks"])
    assert (
        text == "!! leaks\n\nA\n  name       n\n  long name  3\n  b          not defined\n\nEmpty\n  none\n"
    )


def test_a_comparison_says_which_is_better_and_when_that_is_open() -> None:
    scores, labels = scored()
    worse = 0.2 * scores + 0.8 * np.roll(np.eye(4)[labels], 1, axis=1) * (np.arange(200) % 4 == 0)[:, None]
    worse /= worse.sum(axis=1, keepdims=True)
    facts = compare({"new": scores, EVIL: worse, "same": scores}, labels, bootstrap=200)
    page = render_report("Comparison", comparison_sections(facts), figures=comparison_headline(facts))
    assert "<script" not in page
    assert "new is better than &lt;script&gt;" in page
    assert "these images do not show which of the two is better" in page
    criterion = {"name": "accuracy", "answer": "pass", "sentence": "Nothing is lost.", "figures": {}}
    gate = {"candidate": "new", "incumbent": "same", "verdict": "insufficient", "criteria": [criterion]}
    text = to_text(comparison_sections(facts, [gate]))
    assert "new in place of same: too little to say" in text
    assert "Nothing is lost." in text


def test_a_part_without_a_class_is_compared_and_nothing_is_made_up_for_it() -> None:
    scores, labels = scored()
    kept = labels != 1
    facts = compare({"new": scores[kept], "old": scores[kept]}, labels[kept], bootstrap=50)
    page = render_report("Comparison", comparison_sections(facts), figures=comparison_headline(facts))
    assert "not defined ()" not in page
    assert re.search(r"Recall by class\. new: [0-9.]+, not defined, ", page)


def test_a_part_of_one_class_and_one_subject_is_reported_with_what_is_defined() -> None:
    scores, labels = scored()
    mine = labels == 3
    figures = evaluate(scores[mine], labels[mine], ["alone"] * int(mine.sum()))
    sections = figures_sections(figures, curves=measure_curves(scores[mine], labels[mine]))
    page = render_report("t", sections, figures=headline(figures), caveats=caveats(figures))
    assert "not defined" in page
    assert "from one there are none" in page
    assert "nan" not in to_text(sections)


def test_a_picture_that_is_none_is_refused() -> None:
    with pytest.raises(ReportError, match="PNG or JPEG"):
        render_report("t", [Section("s", [Pictures([Picture(b"GIF89a", "a")])])])


@pytest.mark.parametrize(
    "draw",
    [
        lambda: charts.lines([1, 2, 3], {"a": [1, float("nan"), 3]}),
        lambda: charts.bars([f"label {i}" for i in range(12)], {"n": range(12)}, horizontal=True),
        lambda: charts.forest([("a", 0.1, (0.0, 0.2)), ("b", -0.1, None)]),
        lambda: charts.training([{"step": 1.0, "loss": 2.0}, {"step": 2.0, "loss": 1.0}]),
    ],
)
def test_general_drawings_are_svg_without_addresses(draw: Callable[[], Svg]) -> None:
    svg = draw()
    assert svg.startswith("<svg ")
    assert svg.endswith("</svg>")
    assert "http" not in svg
    assert "<style" not in svg
