"""Recipes: what a training does, as plain JSON with an error that names the wrong key."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Final, get_type_hints

from ml.labels import InputError

SHIPPED_CHECKPOINT: Final = Path(__file__).parent / "checkpoints" / "mobilenetv2-v1.ckpt.zip"
"""The checkpoint that a fresh installation starts with; its figures lie beside it as `.json`."""


class ConfigError(InputError):
    """A recipe that cannot be used; the message names the key and what was expected."""


def _demand(holds: bool, key: str, expected: str) -> None:
    if not holds:
        raise ConfigError(f"recipe.{key}: expected {expected}.")


@dataclass(frozen=True)
class Stage:
    """Some epochs at one input side. Small first, full size last, costs half of full size throughout."""

    size: int = 224
    epochs: int = 4

    def __post_init__(self) -> None:
        _demand(self.size % 32 == 0 and 32 <= self.size <= 512, "stage.size", "a multiple of 32 up to 512")
        _demand(1 <= self.epochs <= 200, "stage.epochs", "1 to 200")


@dataclass(frozen=True)
class Augmentation:
    """How far an image is changed at random, each time it is shown. Angles in degrees, the rest as shares."""

    rotation: float = 20.0
    shear: float = 6.0
    zoom: float = 0.18
    aspect: float = 0.12
    shift: float = 0.06
    mirror: float = 0.5
    gamma: float = 0.4
    contrast: float = 0.2
    brightness: float = 0.08
    bias_field: float = 0.3
    blur: float = 0.2
    noise: float = 0.3


@dataclass(frozen=True)
class TrainRecipe:
    """Everything that decides a training besides its data and its seed.

    Attributes:
        network: a name of `ml.networks.NETWORKS`.
        frozen_blocks: how many of the first blocks keep their given weights.
        stages: epochs by input side; the learning rate falls along one cosine over all of them.
        head_penalty: L2 penalty of the first head, fitted on the frozen features.
        class_balance: 0 leaves the classes as they are, 1 weights them to equal mass.
        validation_share: share of the training subjects set aside for early stopping.
        patience: epochs of the last stage without a better validation loss before it stops.
    """

    network: str = "mobilenet_v2"
    frozen_blocks: int = 3
    dropout: float = 0.2
    stages: tuple[Stage, ...] = (Stage(160, 6), Stage(224, 4))
    batch_size: int = 32
    learning_rate: float = 3e-4
    warm_up: float = 0.05
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    head_penalty: float = 1e-3
    class_balance: float = 0.5
    validation_share: float = 0.08
    patience: int = 2
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        _demand(len(self.stages) > 0, "stages", "at least one stage")
        _demand(1 <= self.batch_size <= 1024, "batch_size", "1 to 1024")
        _demand(0 < self.learning_rate <= 1, "learning_rate", "above 0 and at most 1")
        _demand(0 <= self.dropout < 1, "dropout", "at least 0 and below 1")
        _demand(0 < self.validation_share < 0.5, "validation_share", "above 0 and below 0.5")

    @property
    def epochs(self) -> int:
        """All epochs of all stages."""
        return sum(stage.epochs for stage in self.stages)


@dataclass(frozen=True)
class HeadRecipe:
    """How the head alone is retrained from stored embeddings.

    Attributes:
        penalty: pull towards the head in force, so that a handful of corrections changes little else.
        correction_share: mass of all corrections together beside a replay mass of 1, when there are many.
        correction_weight: mass of one correction, in replay images, when there are few.
        iterations: bound on the optimiser's steps.
    """

    penalty: float = 1e-3
    correction_share: float = 1.0
    correction_weight: float = 10.0
    iterations: int = 200


def recipe_from_json(text: str) -> TrainRecipe:
    """Reads a training recipe; keys left out keep their defaults.

    Raises:
        ConfigError: for what is not JSON, an unknown key, a wrong type or a value out of range.
    """
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"The recipe is not JSON: {error.msg} in line {error.lineno}.") from error
    recipe = _build(TrainRecipe, values, "recipe")
    assert isinstance(recipe, TrainRecipe)
    return recipe


def read_recipe(path: Path | None) -> TrainRecipe:
    """Reads a recipe file; without one, the recipe of the shipped model."""
    return TrainRecipe() if path is None else recipe_from_json(path.read_text(encoding="utf-8"))


def recipe_to_dict(recipe: TrainRecipe | HeadRecipe) -> dict[str, Any]:
    """Returns the recipe with every default resolved, as plain values."""
    return json.loads(json.dumps(asdict(recipe)))  # type: ignore[no-any-return]


def _build(kind: type, values: Any, where: str) -> Any:
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: expected an object, got {type(values).__name__}.")
    hints = get_type_hints(kind)
    names = [item.name for item in fields(kind)]
    for key in values:
        if key not in names:
            raise ConfigError(f"{where}.{key} is not known; expected one of {', '.join(names)}.")
    return kind(**{key: _convert(hints[key], value, f"{where}.{key}") for key, value in values.items()})


def _convert(hint: Any, value: Any, where: str) -> Any:
    if is_dataclass(hint):
        assert isinstance(hint, type)
        return _build(hint, value, where)
    if hint == tuple[Stage, ...]:
        if not isinstance(value, list):
            raise ConfigError(f"{where}: expected a list of stages, got {type(value).__name__}.")
        return tuple(_build(Stage, item, f"{where}[{i}]") for i, item in enumerate(value))
    accepted = (int, float) if hint is float else (hint,)
    if not isinstance(value, accepted) or isinstance(value, bool):
        raise ConfigError(f"{where}: expected {hint.__name__}, got {value!r}.")
    return hint(value)
