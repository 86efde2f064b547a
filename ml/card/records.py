"""The records that a card is rendered from: plain JSON beside the checkpoints, written by `reproduce`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml.labels import InputError
from ml.metrics import check_figures

SUFFIX: Final = ".ckpt.zip"
DATA, COMPARISON, MAPS = "data.json", "comparison.json", "maps.png"


class CardError(InputError):
    """A record that is missing or damaged; the message names it and the command that writes it."""


@dataclass(frozen=True)
class Model:
    """One shipped checkpoint.

    Attributes:
        file: name of the archive.
        recipe_name: of the recipe that it was trained by.
        facts: its metadata and what was measured on the archive itself.
        runs: the record of its recipe: folds, Roboflow's split, the repetition.
    """

    file: str
    recipe_name: str
    facts: dict[str, Any]
    runs: dict[str, Any]

    @property
    def name(self) -> str:
        """The checkpoint's name."""
        return self.file.removesuffix(SUFFIX)


@dataclass(frozen=True)
class Records:
    """Everything the card knows.

    Attributes:
        models: the shipped checkpoints, the one that reads first.
        data: counts of the public sets and the leaks of their own splits.
        comparison: the networks on the same images; None where it was not made.
        sources: what leaving a source out showed; None where it was not made.
        maps: whether the picture of maps side by side lies there.
    """

    models: tuple[Model, ...]
    data: dict[str, Any]
    comparison: dict[str, Any] | None
    sources: dict[str, Any] | None
    maps: bool


def read_records(folder: Path, checkpoints: Sequence[str]) -> Records:
    """Reads the records of some checkpoints from the folder that they lie in.

    Args:
        checkpoints: file names, the one that reads first.

    Raises:
        CardError: where a record is missing, is no JSON, or is of another archive than the one beside it.
        ContradictionError: where figures of any record cannot all be true.
    """
    models = tuple(_model(folder, file) for file in checkpoints)
    if not models:
        raise CardError("A card needs at least one checkpoint.")
    comparison = _read_if_there(folder / COMPARISON)
    for figures in (comparison or {}).get("models", {}).values():
        check_figures(figures)
    return Records(
        models,
        _read(folder / DATA),
        comparison,
        _read_if_there(folder / f"{models[0].recipe_name}.sources.json"),
        (folder / MAPS).exists(),
    )


def _model(folder: Path, file: str) -> Model:
    facts = _read(folder / f"{file.removesuffix(SUFFIX)}.json")
    given = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    if facts.get("sha256") != given:
        raise CardError(
            f"The record of {file} is of another archive: it states sha256 {facts.get('sha256')}."
        )
    recipe_name = facts.get("training", {}).get("recipe_name")
    if recipe_name is None:
        raise CardError(
            f"The record of {file} names no recipe; `python -m ml reproduce --ship {file} --recipe NAME` writes one."
        )
    runs = _read(folder / f"{recipe_name}.folds.json")
    stated = [
        facts.get("measured", {}).get("held_out"),
        runs.get("folds", {}).get("pooled", {}).get("figures"),
    ]
    stated += [found.get("figures") for found in runs.get("runs", {}).values()]
    for figures in stated:
        check_figures(figures or {})
    return Model(file, recipe_name, facts, runs)


def _read_if_there(path: Path) -> dict[str, Any] | None:
    return _read(path) if path.exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CardError(
            f"The record {path.name} cannot be read ({error.strerror}); "
            "`python -m ml reproduce --data DIR --records DIR` writes it."
        ) from error
    except ValueError as error:
        raise CardError(f"The record {path.name} is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise CardError(f"The record {path.name} holds no object.")
    return found
