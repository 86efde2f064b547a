"""The model card of a version, from what its checkpoint says of itself: nothing in it was typed for the page."""

import json
from dataclasses import dataclass
from typing import Any

from classifier.models import ModelVersion
from ml.labels import DISPLAY_NAMES


@dataclass(frozen=True)
class Line:
    """One line of a card.

    Attributes:
        code: whether the words are a hash or settings, to be set in type of one width.
        version: another version that the line is about.
    """

    term: str
    words: str
    code: bool = False
    version: ModelVersion | None = None


@dataclass(frozen=True)
class Card:
    """What a checkpoint says of itself: lines that are always asked for, and its recipe in full.

    Attributes:
        recipe: as JSON, sorted; empty where it says none.
    """

    intended_use: str
    lines: list[Line]
    recipe: str


def card_of(version: ModelVersion) -> Card:
    """The card of a version; what its checkpoint does not say is left out, and never guessed."""
    said = version.metadata
    lines = [*_network(said), *_training(version), *_calibration(said), *_novelty(version), *_hashes(version)]
    recipe = said.get("training", {}).get("recipe") or said.get("recipe")
    return Card(
        intended_use=str(said.get("intended_use", "")),
        lines=lines,
        recipe=json.dumps(recipe, indent=2, sort_keys=True) if recipe else "",
    )


def _network(said: dict[str, Any]) -> list[Line]:
    network, size = said.get("network") or {}, said.get("input") or {}
    words = str(network.get("name") or "not said")
    if size:
        words += f", {size['width']} × {size['height']} grey levels in"
    classes = ", ".join(DISPLAY_NAMES.get(name, name) for name in said.get("classes", ()))
    return [Line("Network", words), Line("Classes", classes or "not said")]


def _training(version: ModelVersion) -> list[Line]:
    said = version.metadata
    training = said.get("training") or {}
    lines = []
    if base := training.get("base_checkpoint_sha256"):
        known = ModelVersion.objects.filter(checkpoint_sha256=base).defer("metadata").first()
        lines.append(Line("Learned on from", "" if known else base, code=known is None, version=known))
    if "examples" in training:
        lines.append(Line("Learned from", f"{training['examples']} labelled images and its base's replay"))
    manifest = training.get("manifest_sha256") or said.get("manifest_sha256")
    if manifest:
        lines.append(Line("Manifest", manifest, code=True))
    leaks = said.get("leakage")
    if leaks:
        lines.append(Line("Leakage", f"{leaks.get('tainted', 0)} of {leaks.get('images', 0)} held-out images shared "
                                     "pixels or a near-duplicate with what it learned from"))  # fmt: skip
    return lines


def _calibration(said: dict[str, Any]) -> list[Line]:
    calibration = said.get("calibration") or {}
    if "temperature" not in calibration:
        return [Line("Calibration", "none: its percentages are the network's own")]
    words = f"temperature {calibration['temperature']:.3f}"
    if fitted_on := calibration.get("fitted_on"):
        words += f", fitted on {fitted_on} images that it neither learned from nor is measured on"
    return [Line("Calibration", words)]


def _novelty(version: ModelVersion) -> list[Line]:
    if version.novelty_threshold is None:
        return [Line("Limit for a brain MRI", "none: it gives every image a class")]
    novelty = version.metadata["novelty"]
    words = f"{version.novelty_threshold:.2f} ({novelty.get('method', 'method not said')}); "
    return [Line("Limit for a brain MRI", f"{words}above it an image is not assessable")]


def _hashes(version: ModelVersion) -> list[Line]:
    said = version.metadata
    found = [
        ("Checkpoint", version.checkpoint_sha256),
        ("Preprocessing", said.get("preprocessing_sha256")),
        ("Code", said.get("code_version")),
        ("Note", said.get("note")),
    ]
    return [Line(term, str(words), code=term != "Note") for term, words in found if words]
