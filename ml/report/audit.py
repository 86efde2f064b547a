"""The shortcut audit as a section of the inspection report."""

from __future__ import annotations

from typing import Any

from ml.report import charts
from ml.report.blocks import Block, Cell, Chart, Note, Pair, Section, Table, Text


def audit_section(audit: dict[str, Any], *, drawn: bool) -> Section:
    """Returns the section of an audit (`ml.inspection.shortcuts.audit_shortcuts`), with or without drawings."""
    title = "Shortcut audit: what can be told without anatomy"
    if not audit["audited"]:
        return Section(title, [Text(audit["reason"])])
    baseline, views = audit["baseline"], audit["views"]
    labels = sorted(views[0]["recall"])
    rows: list[list[Cell]] = [
        [view["title"], view["balanced_accuracy"], f"{min(view['folds']):.3f} to {max(view['folds']):.3f}",
         view["accuracy"], *(view["recall"][label] for label in labels)]
        for view in views
    ]  # fmt: skip
    rows.append([f"always {baseline['label']}", baseline["balanced_accuracy"], "", baseline["accuracy"],
                 *(float(label == baseline["label"]) for label in labels)])  # fmt: skip
    header = [
        "what is seen",
        "balanced",
        "worst to best fold",
        "accuracy",
        *(f"recall {label}" for label in labels),
    ]
    blocks: list[Block] = [Note(text, "warn" if is_high(audit) else "info") for text in audit["meaning"][:2]]
    blocks += [
        Text(audit["meaning"][2]),
        Table(header, rows, note=(
            f"{audit['images']} images in {audit['groups']} groups; a forest of random trees, cross-validated so that "
            "no group of duplicates or of one subject is cut. The file: size, mode, bytes, JPEG quality, folder. "
            "Pixels: borders and brightness, before the preprocessing and after it. They say a little about plane "
            "and sequence too, which is still not the tumour."
        )),
    ]  # fmt: skip
    if drawn:
        blocks.append(Pair([_features(views[0], baseline), _features(views[-1], baseline)]))
    return Section(title, blocks)


def _features(view: dict[str, Any], baseline: dict[str, Any]) -> Chart:
    shown = view["features"][:12]
    rows: list[list[Cell]] = [
        [_named(row["feature"]), row["alone"], row["importance"]] for row in view["features"]
    ]
    return Chart(
        charts.bars([_named(row["feature"]) for row in shown], {"alone": [row["alone"] for row in shown]},
                    xlabel="balanced accuracy alone", horizontal=True),
        f"Seen: {view['title']}. What each number tells alone; guessing gives {baseline['balanced_accuracy']:.2f}.",
        f"Bars of the balanced accuracy of single numbers of {view['title']}.",
        Table(["number", "balanced accuracy alone", "lost when shuffled"], rows),
    )  # fmt: skip


def _named(feature: str) -> str:
    if feature[0] == "p" and feature[1:].isdigit():
        return f"{int(feature[1:])}th percentile"
    words = {
        "std": "standard deviation",
        "black": "share of black",
        "mean": "mean level",
        "mode": "grey or colour",
    }
    return words.get(feature, feature.replace("_", " ").replace("jpeg", "JPEG"))


def is_high(audit: dict[str, Any]) -> bool:
    """Says whether an audit that took place found well more than guessing."""
    score, chance = audit["views"][0]["balanced_accuracy"], audit["baseline"]["balanced_accuracy"]
    return bool(score - chance >= 0.15 * (1 - chance))
