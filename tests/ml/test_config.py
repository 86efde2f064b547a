import json
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from ml.config import (
    ConfigError,
    NetworkSpec,
    Stage,
    TrainRecipe,
    network_spec,
    read_recipe,
    recipe_from_json,
    recipe_names,
    recipe_schema,
    recipe_to_dict,
)


def test_defaults_round_trip() -> None:
    recipe = TrainRecipe()
    assert recipe_from_json(json.dumps(recipe_to_dict(recipe))) == recipe
    assert recipe_from_json("{}") == recipe


def test_values_are_read() -> None:
    recipe = recipe_from_json(
        '{"network": {"name": "cnn", "width": 0.5}, "start": "scratch", "learning_rate": 1,'
        ' "stages": [{"size": 64, "epochs": 2}, {"size": 96, "epochs": 3}], "augmentation": {"mirror": 0}}'
    )
    assert recipe.stages == (Stage(size=64, epochs=2), Stage(size=96, epochs=3))
    assert recipe.epochs == 5
    assert isinstance(recipe.learning_rate, float)
    assert recipe.augmentation.mirror == 0
    assert recipe.network == NetworkSpec(name="cnn", width=0.5)


def test_recipes_never_change() -> None:
    with pytest.raises(ValidationError):
        TrainRecipe().batch_size = 3  # type: ignore[misc]  # the very thing that must fail
    with pytest.raises(ValidationError, match="batch_size"):
        TrainRecipe(batch_size=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "The recipe is not JSON: .* in line 1"),
        ("[]", "recipe: expected an object, got list"),
        ('{"learning_rat": 1}', "recipe.learning_rat is not known; expected one of network, start,"),
        ('{"batch_size": "32"}', "recipe.batch_size: expected a whole number, got '32'"),
        ('{"batch_size": true}', "recipe.batch_size: expected a whole number, got True"),
        ('{"batch_size": 0}', "recipe.batch_size: expected at least 1, got 0"),
        ('{"batch_size": 2000}', "recipe.batch_size: expected at most 1024, got 2000"),
        ('{"stages": []}', "recipe.stages: expected at least one stage"),
        ('{"stages": 3}', "recipe.stages: expected a list, got 3"),
        ('{"stages": [{"size": 100}]}', r"recipe.stages\[0\].size: expected a multiple of 32, got 100"),
        ('{"stages": [{"sise": 64}]}', r"recipe.stages\[0\].sise is not known; expected one of size, epochs"),
        ('{"learning_rate": 0}', "recipe.learning_rate: expected above 0"),
        ('{"learning_rate": NaN}', "recipe.learning_rate: expected a finite number"),
        ('{"dropout": 0.1}', "recipe.dropout is not known"),
        ('{"label_smoothing": 1}', "recipe.label_smoothing: expected below 1"),
        ('{"augmentation": {"rotation": "far"}}', "recipe.augmentation.rotation: expected a number, got 'far'"),
        ('{"augmentation": null}', "recipe.augmentation: expected an object, got None"),
        ('{"schedule": "linear"}', "recipe.schedule: expected 'cosine', 'constant' or 'step', got 'linear'"),
        ('{"network": {"name": "vgg"}}', "recipe.network.name: expected 'mobilenet_v2', 'cnn', .* got 'vgg'"),
        ('{"network": {"name": "resnet50", "width": 0.5}}', "recipe.network.width: resnet50 exists at width 1"),
        ('{"network": {"name": "cnn"}}', "recipe.start: there are no ImageNet weights of cnn; expected 'scratch'"),
        ('{"stages": [], "start": "scratch"}', "recipe.stages: expected at least one stage"),
        ('{"batch_size": 0, "patience": -1}', "recipe.batch_size: .* recipe.patience: expected at least 0"),
    ],
)  # fmt: skip
def test_errors_name_the_key_and_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        recipe_from_json(text)


def test_recipes_by_name(tmp_path: Any) -> None:
    assert {"cnn", "efficientnet", "head-only", "mobilenet", "resnet"} <= set(recipe_names())
    assert read_recipe("mobilenet") == read_recipe(None)
    recipes = {name: read_recipe(name) for name in recipe_names()}
    for recipe in recipes.values():
        assert recipe_from_json(json.dumps(recipe_to_dict(recipe))) == recipe
    assert recipes["head-only"].stages == ()
    assert recipes["cnn"].start == "scratch"
    assert {recipe.network.name for recipe in recipes.values()} == {
        "cnn", "efficientnet_b0", "mobilenet_v2", "resnet50"
    }  # fmt: skip
    (tmp_path / "mine.json").write_text('{"batch_size": 8}')
    assert read_recipe(tmp_path / "mine.json").batch_size == 8
    with pytest.raises(ConfigError, match=r"'mobilnet' cannot be read; expected one of cnn, .* or the path"):
        read_recipe("mobilnet")


def test_schema_says_what_every_key_means() -> None:
    schema = recipe_schema()
    assert set(schema["properties"]) == set(TrainRecipe.model_fields)
    assert schema["additionalProperties"] is False
    for part in (schema, *(schema["$defs"][name] for name in ("NetworkSpec", "Stage", "Augmentation"))):
        for key, facts in part["properties"].items():
            assert facts.get("description"), key
    assert schema["properties"]["batch_size"]["maximum"] == 1024


def test_the_spec_of_a_checkpoint_is_checked() -> None:
    assert network_spec({"name": "mobilenet_v2"}) == NetworkSpec()
    spec = NetworkSpec(name="cnn", size=128, width=1.5, dropout=0.4, fine_map=True)
    assert network_spec(spec.model_dump(mode="json")) == spec
    with pytest.raises(ConfigError, match=r"network.layers is not known; expected one of name, size"):
        network_spec({"name": "cnn", "layers": []})
    with pytest.raises(ConfigError, match="network: expected an object, got 'cnn'"):
        network_spec("cnn")


def test_reading_recipes_loads_nothing_heavy() -> None:
    code = "import sys, ml.config; print([m for m in ('keras', 'numpy', 'cv2') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
