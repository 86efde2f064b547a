"""Recipes: what a training does, as checked data."""

from ml.config.reading import (
    RECIPES,
    SHIPPED_CHECKPOINT,
    SHIPPED_CHECKPOINTS,
    ConfigError,
    checked_recipe,
    network_spec,
    read_recipe,
    recipe_from_json,
    recipe_names,
    recipe_schema,
    recipe_to_dict,
)
from ml.config.recipe import (
    HEAD_ONLY,
    Augmentation,
    HeadRecipe,
    NetworkName,
    NetworkSpec,
    Stage,
    TrainRecipe,
    TuneRecipe,
)

__all__ = [
    "HEAD_ONLY",
    "RECIPES",
    "SHIPPED_CHECKPOINT",
    "SHIPPED_CHECKPOINTS",
    "Augmentation",
    "ConfigError",
    "HeadRecipe",
    "NetworkName",
    "NetworkSpec",
    "Stage",
    "TrainRecipe",
    "TuneRecipe",
    "checked_recipe",
    "network_spec",
    "read_recipe",
    "recipe_from_json",
    "recipe_names",
    "recipe_schema",
    "recipe_to_dict",
]
