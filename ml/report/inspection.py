"""The inspection report: what is in a set of images, and what to mind before learning from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from ml.inspection.gallery import Gallery, Shot
from ml.report import charts
from ml.report.audit import audit_section, is_high
from ml.report.blocks import (
    Block,
    Cell,
    Chart,
    Fold,
    KeyFigure,
    Note,
    Pair,
    Picture,
    Pictures,
    Section,
    Table,
    Text,
)
from ml.report.page import render_report

_SAMPLE_SIZE: Final = 84
_PAIR_SIZE: Final = 184
_IN_TERMINAL: Final = 8
_KINDS: Final = {"exact": "pixel-identical", "near": "near-duplicate", "mirrored": "mirrored"}


def inspection_page(survey: dict[str, Any], gallery: Gallery) -> str:
    """Returns the report as one HTML page; it shows the images, so it is as private as they are.

    Args:
        survey: of `ml.inspection.survey.survey_of`, with `shortcuts` of `ml.inspection.shortcuts`.
        gallery: of the same images.
    """
    labels = {label for counts in survey["classes"].values() for label in counts}
    return render_report(
        "What is in these images",
        inspection_sections(survey, gallery),
        lead=f"{survey['images']} files, {survey['readable']} of them readable, {len(labels)} labels. "
        "This page holds pictures of the data itself: keep it where the data may be.",
        figures=_figures(survey),
    )


def inspection_sections(survey: dict[str, Any], gallery: Gallery | None = None) -> list[Section]:
    """Returns the sections of a survey; without a gallery, what a terminal can show."""
    return [
        _to_mind(survey),
        _classes(survey, gallery),
        _sizes(survey),
        _intensities(survey, gallery),
        _damaged(survey, gallery),
        _leakage(survey, gallery),
        _duplicates(survey, gallery),
        _conflicts(survey, gallery),
        audit_section(survey["shortcuts"], drawn=gallery is not None),
        _ct(survey, gallery),
    ]


def leaks_into(survey: dict[str, Any], part: str) -> tuple[int, int]:
    """Returns how many images of a part have a counterpart in an earlier part, and how many it holds.

    Where several earlier parts leak, the worst of them counts.
    """
    earlier = {"validation": ("train",), "test": ("train", "validation")}[part]
    rows = [row for row in survey["leakage"] if row["into"] == part and row["from"] in earlier]
    worst = max(rows, key=lambda row: int(row["up_to_mirrored"]), default=None)
    return (worst["up_to_mirrored"], worst["images"]) if worst else (0, 0)


def _to_mind(survey: dict[str, Any]) -> Section:
    """What should stop someone who is about to learn from these images, in sentences."""
    notes: list[Block] = []
    for part in ("test", "validation"):
        leaked, images = leaks_into(survey, part)
        if leaked:
            notes.append(Note(
                f"The splits leak: {leaked} of {images} {part} images have an exact, near or mirrored counterpart in "
                "an earlier split. A figure measured there is in part a figure of memory; `python -m ml manifest` "
                "cuts the images anew.", "bad"))  # fmt: skip
    if survey["groups_in_two_splits"]:
        notes.append(
            Note(f"Groups (subjects) in more than one split: {len(survey['groups_in_two_splits'])}.", "bad")
        )
    audit = survey["shortcuts"]
    if audit["audited"]:
        notes.append(Note(" ".join(audit["meaning"]), "warn" if is_high(audit) else "info"))
    if survey["conflicts"]:
        identical = sum(found["kind"] == "exact" for found in survey["conflicts"])
        notes.append(Note(f"Pairs of one image under two labels: {len(survey['conflicts'])}; of these pixel-identical, "
                          f"which training refuses: {identical}.", "bad"))  # fmt: skip
    if survey["corrupt"]:
        notes.append(Note(f"Files that cannot be read: {len(survey['corrupt'])}.", "warn"))
    if survey["looks_like_ct"]:
        notes.append(
            Note(f"Images that look like CT heads: {len(survey['looks_like_ct'])}. See them below.", "warn")
        )
    return Section("What to mind first", notes or [Text("Nothing stands out.")])


def _figures(survey: dict[str, Any]) -> list[KeyFigure]:
    conflicts = len(survey["conflicts"])
    found = [
        KeyFigure("Images", str(survey["readable"]), meaning=f"{len(survey['corrupt'])} more cannot be read.",
                  tone="warn" if survey["corrupt"] else "plain"),
        KeyFigure("Distinct images", str(survey["clusters"]["count"]),
                  meaning="So many are left when copies, near-duplicates and mirrored ones count once."),
        KeyFigure("Duplicates with two labels", str(conflicts), tone="warn" if conflicts else "good",
                  meaning="Pairs of one image, mirrored perhaps, under two labels: one of them is wrong."),
    ]  # fmt: skip
    leaked, images = leaks_into(survey, "test")
    if images:
        found.insert(1, KeyFigure(
            "Test images seen before", f"{leaked} of {images}", tone="warn" if leaked else "good",
            meaning="They have an exact, near or mirrored counterpart among the others.",
        ))  # fmt: skip
    audit = survey["shortcuts"]
    if audit["audited"]:
        score = audit["views"][0]["balanced_accuracy"]
        chance = audit["baseline"]["balanced_accuracy"]
        found.append(KeyFigure(
            "Told without anatomy", f"{score:.2f}", tone="warn" if is_high(audit) else "good",
            meaning=f"Balanced accuracy from file, borders and brightness alone; guessing gives {chance:.2f}.",
        ))  # fmt: skip
    return found


def _classes(survey: dict[str, Any], gallery: Gallery | None) -> Section:
    table = survey["classes"]
    labels = sorted({label for counts in table.values() for label in counts})
    rows: list[list[Cell]] = [
        [split, *(counts.get(label, 0) for label in labels), sum(counts.values())]
        for split, counts in table.items()
    ]
    counted = Table(["split", *labels, "all"], rows)
    blocks: list[Block] = [counted]
    if gallery:
        series = {split: [counts.get(label, 0) for label in labels] for split, counts in table.items()}
        chart = Chart(charts.bars(labels, series, ylabel="images"), "Images by class and split.",
                      "Bars of the counts in the table.")  # fmt: skip
        blocks.append(chart)
        blocks += [_pictures(f"{split}, {label}", shots, _SAMPLE_SIZE, captions=False)
                   for (split, label), shots in gallery.samples.items()]  # fmt: skip
    return Section(
        "Classes", blocks, "How many images of which class lie in which split, and what they look like."
    )


def _sizes(survey: dict[str, Any]) -> Section:
    rows: list[list[Cell]] = [
        [
            f"{row['split']}, {row['label']}",
            row["images"],
            row["different"],
            f"{row['median_width']:.0f} x {row['median_height']:.0f}",
            ", ".join(f"{size} ({count})" for size, count in row["commonest"].items()),
        ]
        for row in survey["sizes_by_class"]
    ]
    table = Table(["", "images", "different sizes", "median", "commonest"], rows)
    return Section("Sizes", [table], "Sizes that differ by class are a shortcut: see the audit below.")


def _intensities(survey: dict[str, Any], gallery: Gallery | None) -> Section:
    facts = survey["intensities"]
    edges = facts["edges"]
    middles = [(low + high) / 2 for low, high in pairwise(edges)]
    by_split: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for row in facts["groups"]:
        by_split[row["split"]][row["label"]] = row["shares"]
    blocks: list[Block] = [
        Chart(
            # The first step is the black around the head: it would press everything else flat.
            charts.lines(middles[1:], {label: shares[1:] for label, shares in series.items()},
                         xlabel="grey level", ylabel="share of pixels"),
            f"{split}: how grey levels are spread, mean over the images of a class; the black below level "
            f"{edges[1]} is left out ({_black(series)}).",
            f"Lines of the share of pixels by grey level for each class of {split}.",
        )
        for split, series in (by_split.items() if gallery else ())
    ]  # fmt: skip
    means: list[list[Cell]] = [
        [f"{row['split']}, {row['label']}", f"{row['mean']:.1f}"] for row in facts["groups"]
    ]
    shown: list[Block] = [Table(["", "mean grey level"], means), Pair(blocks)]
    return Section("Intensities", shown, "Brightness that differs by class says more about scanner and sequence "
                   "than about a tumour.")  # fmt: skip


def _black(series: dict[str, list[float]]) -> str:
    return ", ".join(f"{label} {shares[0]:.0%}" for label, shares in series.items())


def _damaged(survey: dict[str, Any], gallery: Gallery | None) -> Section:
    rows: list[list[Cell]] = [[entry["file"], entry["reason"]] for entry in survey["corrupt"]]
    blocks = _listed(["file", "reason"], rows, gallery)
    return Section("Damaged files", blocks, "Files that cannot be decoded, and why.")


def _leakage(survey: dict[str, Any], gallery: Gallery | None) -> Section:
    rows: list[list[Cell]] = [
        [f"{row['from']} into {row['into']}", row["images"], *(row[f"up_to_{kind}"] for kind in _KINDS),
         f"{row['up_to_mirrored'] / row['images']:.0%}"]
        for row in survey["leakage"]
    ]  # fmt: skip
    blocks: list[Block] = [
        Table(["from … into", "images", "exact", "or near", "or mirrored", "share"], rows,
              note="Of the images of the second split, so many have a counterpart in the first.")
    ]  # fmt: skip
    torn = survey["groups_in_two_splits"]
    if torn:
        blocks.append(Note(f"{len(torn)} groups (subjects) lie in more than one split, "
                           f"{', '.join(entry['group'] for entry in torn[:5])} among them.", "bad"))  # fmt: skip
    for (kind, first, second), shots in (gallery.pairs if gallery else {}).items():
        if first != second:
            blocks.append(_pictures(f"{_KINDS[kind]}: left {first}, right {second}",
                                    shots, _PAIR_SIZE))  # fmt: skip
    return Section(
        "Leakage", blocks, "What a network learns from must not turn up again where it is measured."
    )


def _duplicates(survey: dict[str, Any], gallery: Gallery | None) -> Section:
    rows: list[list[Cell]] = [
        [_KINDS[kind], " and ".join(dict.fromkeys(place["splits"])), place["pairs"]]
        for kind, facts in survey["duplicates"].items()
        for place in facts["where"]
    ]
    whole: list[list[Cell]] = [
        [_KINDS[kind], facts["pairs"], facts["images"]] for kind, facts in survey["duplicates"].items()
    ]
    clusters = survey["clusters"]
    blocks: list[Block] = [
        Table(["kind", "pairs", "images"], whole),
        Table(["kind", "where", "pairs"], rows),
        Text(
            f"Together they make {clusters['count']} clusters; the largest holds {clusters['largest']} images."
        ),
    ]
    for (kind, first, second), shots in (gallery.pairs if gallery else {}).items():
        if first == second:
            blocks.append(_pictures(f"{_KINDS[kind]}, both in {first}", shots, _PAIR_SIZE))
    return Section("Duplicates", blocks, "Near: perceptual hashes that differ in at most 4 of 64 "
                   "bits, and pixels that correlate to 0.9; mirrored: the same, turned left to right.")  # fmt: skip


def _conflicts(survey: dict[str, Any], gallery: Gallery | None) -> Section:
    found = survey["conflicts"]
    rows: list[list[Cell]] = [
        [_KINDS[one["kind"]], *(f"{file} ({label})" for file, label in zip(one["files"], one["labels"], strict=True))]
        for one in found
    ]  # fmt: skip
    listed = _listed(["kind", "one", "the other"], rows, gallery)
    blocks = listed
    if gallery and gallery.conflicts:
        blocks = [_pictures("", gallery.conflicts, _PAIR_SIZE), Fold(f"{len(found)} pairs by name", listed)]
    return Section("Labels that contradict each other", blocks, "One image under two labels: identical pixels, or "
                   "near or mirrored ones that correlate to 0.95. Training refuses identical ones.")  # fmt: skip


def _ct(survey: dict[str, Any], gallery: Gallery | None) -> Section:
    found = survey["looks_like_ct"]
    listed = _listed(["file"], [[name] for name in found], gallery)
    blocks = listed
    if gallery and gallery.ct:
        blocks = [_pictures(f"{len(found)} images, some of them:", gallery.ct, _SAMPLE_SIZE),
                  Fold("All by name", listed)]  # fmt: skip
    return Section("Looks like CT", blocks, "A closed, thick, saturated skull: CT heads among MRI. The rule errs on "
                   "both sides; look before dropping.")  # fmt: skip


def _listed(header: Sequence[str], rows: Sequence[Sequence[Cell]], gallery: Gallery | None) -> list[Block]:
    """A page lists everything; a terminal the first few."""
    if gallery or len(rows) <= _IN_TERMINAL:
        return [Table(header, rows)]
    return [Table(header, rows[:_IN_TERMINAL]),
            Text(f"and {len(rows) - _IN_TERMINAL} more: see --json or --html")]  # fmt: skip


def _pictures(caption: str, shots: Sequence[Shot], size: int, *, captions: bool = True) -> Pictures:
    return Pictures(
        [Picture(shot.data, shot.alt, shot.caption if captions else "") for shot in shots], caption, size
    )
