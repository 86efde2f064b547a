"""Recipes as JSON, and sentences for what is wrong with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ml.config.recipe import Checked, HeadRecipe, NetworkSpec, TrainRecipe, TuneRecipe
from ml.labels import InputError

_PACKAGE: Final = Path(__file__).parents[1]

SHIPPED_CHECKPOINT: Final = _PACKAGE / "checkpoints" / "mobilenetv2-v2.ckpt.zip"
"""The checkpoint that a fresh installation reads with; its figures lie beside it as `.json`."""

SHIPPED_CHECKPOINTS: Final = (SHIPPED_CHECKPOINT, _PACKAGE / "checkpoints" / "cnn-v1.ckpt.zip")
"""All checkpoints that a fresh installation has, the one that reads first."""

SHIPPED_RECIPE: Final = "mobilenet"
"""The recipe of the checkpoint that reads first."""

RECIPES: Final = _PACKAGE / "recipes"
"""Folder of the recipes that can be asked for by name."""

_SMALLER: Final = {"greater_than": "above", "greater_than_equal": "at least"}
_LARGER: Final = {"less_than": "below", "less_than_equal": "at most"}
_KINDS: Final = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "finite_number": "a finite number",
}


class ConfigError(InputError):
    """A recipe that cannot be used; the message names the key and what was expected."""


def recipe_from_json(text: str) -> TrainRecipe:
    """Reads a training recipe; keys left out keep their defaults.

    Raises:
        ConfigError: for what is not JSON, an unknown key, a wrong type or a value out of range.
    """
    return _validated(TrainRecipe, text, "recipe")


def read_recipe(source: Path | str | None) -> TrainRecipe:
    """Reads a recipe by the name of one that ships, or from a JSON file; without either, the shipped model's.

    Raises:
        ConfigError: for an unknown name, a file that cannot be read, or a recipe that cannot be used.
    """
    source = SHIPPED_RECIPE if source is None else source
    names = recipe_names()
    path = RECIPES / f"{source}.json" if str(source) in names else Path(source)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The recipe {str(source)!r} cannot be read; expected one of {', '.join(names)}, "
            "or the path of a JSON file."
        ) from error
    return recipe_from_json(text)


def recipe_names() -> tuple[str, ...]:
    """Returns the names of the recipes that ship."""
    return tuple(sorted(path.stem for path in RECIPES.glob("*.json")))


def checked_recipe[Kind: Checked](kind: type[Kind], values: Any) -> Kind:
    """Reads a recipe of a kind from plain values; keys left out keep their defaults.

    Raises:
        ConfigError: for an unknown key, a wrong type or a value out of range.
    """
    return _validated(kind, json.dumps(values), "recipe")


def recipe_to_dict(recipe: TrainRecipe | HeadRecipe | TuneRecipe) -> dict[str, Any]:
    """Returns the recipe with every default resolved, as plain values."""
    return recipe.model_dump(mode="json")


def recipe_schema() -> dict[str, Any]:
    """Returns the JSON schema of a training recipe, with what every key means."""
    return TrainRecipe.model_json_schema()


def network_spec(values: Any) -> NetworkSpec:
    """Reads what a checkpoint states of its network.

    Raises:
        ConfigError: for an unknown network, an unknown key or a value out of range.
    """
    return _validated(NetworkSpec, json.dumps(values), "network")


def _validated[Kind: Checked](kind: type[Kind], text: str, where: str) -> Kind:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"The {where} is not JSON: {error.msg} in line {error.lineno}.") from error
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise ConfigError(" ".join(_sentence(kind, fault, where) for fault in error.errors())) from error


def _sentence(kind: type[BaseModel], fault: ErrorDetails, where: str) -> str:
    key, name, facts = _path(where, fault["loc"]), fault["type"], fault.get("ctx", {})
    if name == "extra_forbidden":
        known = _model_at(kind, fault["loc"][:-1]).model_fields
        return f"{key} is not known; expected one of {', '.join(known)}."
    if name == "value_error":
        return f"{key}.{facts['error']}."
    return f"{key}: expected {_expected(name, facts, fault['msg'])}, got {_shown(fault['input'])}."


def _expected(name: str, facts: dict[str, Any], message: str) -> str:
    if name in _KINDS:
        return _KINDS[name]
    if name in _SMALLER or name in _LARGER:
        return f"{(_SMALLER | _LARGER)[name]} {next(iter(facts.values()))}"
    if name == "multiple_of":
        return f"a multiple of {facts['multiple_of']}"
    if name == "literal_error":
        return str(facts["expected"])
    return message.removeprefix("Input should be ")


def _path(where: str, loc: tuple[int | str, ...]) -> str:
    return where + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)


def _model_at(kind: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    for part in loc:
        if isinstance(part, str):
            hint = kind.model_fields[part].annotation
            kind = next(item for item in (hint, *get_args(hint)) if _is_model(item))
    return kind


def _is_model(item: Any) -> bool:
    return isinstance(item, type) and issubclass(item, BaseModel)


def _shown(value: Any) -> str:
    return type(value).__name__ if isinstance(value, dict | list) else repr(value)
