"""What a training run may be asked to do."""

from typing import Any, Final, get_args

from classifier.exceptions import PlatformError
from ml.config import ConfigError, HeadRecipe, NetworkName, TuneRecipe, checked_recipe, recipe_to_dict

HEAD: Final = "head"
FINE_TUNE: Final = "fine_tune"
HEAD_RECIPE: Final[dict[str, Any]] = {"kind": HEAD}
FINE_TUNE_RECIPE: Final[dict[str, Any]] = {"kind": FINE_TUNE}
KINDS: Final[dict[str, type[HeadRecipe] | type[TuneRecipe]]] = {HEAD: HeadRecipe, FINE_TUNE: TuneRecipe}
OPTIONS: Final = {kind: tuple(recipe.model_fields) for kind, recipe in KINDS.items()}
"""What each recipe may be given besides its kind."""
NETWORKS: Final[tuple[str, ...]] = get_args(NetworkName)
"""What may be trained anew in place of the network that a version has."""


class RecipeRefused(PlatformError):
    """A recipe that nothing can be trained by."""

    code = "recipe_refused"


def check_recipe(recipe: dict[str, Any] | None) -> dict[str, Any]:
    """A recipe with every default filled in, as a run keeps it.

    Args:
        recipe: `kind` is `head` or `fine_tune`; the other keys are those of `ml.config.HeadRecipe` or
            `ml.config.TuneRecipe`. None is the head with its defaults.

    Raises:
        RecipeRefused: an unknown kind or key, or a value out of range; the sentence names it.
    """
    given = dict(HEAD_RECIPE if recipe is None else recipe)
    kind = given.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise RecipeRefused(f"A recipe's kind is one of {', '.join(KINDS)}; got {kind!r}.")
    try:
        return {"kind": kind, **recipe_to_dict(checked_recipe(KINDS[kind], given))}
    except ConfigError as error:
        raise RecipeRefused(str(error)) from error
