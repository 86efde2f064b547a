import json

import pytest

from ml.config import ConfigError, Stage, TrainRecipe, recipe_from_json, recipe_to_dict


def test_defaults_round_trip() -> None:
    recipe = TrainRecipe()
    assert recipe_from_json(json.dumps(recipe_to_dict(recipe))) == recipe
    assert recipe_from_json("{}") == recipe


def test_values_are_read() -> None:
    recipe = recipe_from_json(
        '{"stages": [{"size": 64, "epochs": 2}], "learning_rate": 1, "augmentation": {"mirror": 0}}'
    )
    assert recipe.stages == (Stage(64, 2),)
    assert recipe.epochs == 2
    assert isinstance(recipe.learning_rate, float)
    assert recipe.augmentation.mirror == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "expected an object, got list"),
        ('{"learning_rat": 1}', r"recipe.learning_rat is not known; expected one of network"),
        ('{"batch_size": "32"}', "recipe.batch_size: expected int, got '32'"),
        ('{"batch_size": true}', "recipe.batch_size"),
        ('{"stages": []}', "at least one stage"),
        ('{"stages": [{"size": 100}]}', "multiple of 32"),
        ('{"stages": [{"sise": 64}]}', r"recipe.stages\[0\].sise"),
        ('{"learning_rate": 0}', "above 0"),
        ('{"augmentation": {"rotation": "far"}}', "recipe.augmentation.rotation: expected float"),
    ],
)
def test_errors_name_the_key(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        recipe_from_json(text)
