"""What a training minimises and how: losses, learning rate, optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import keras
from keras import ops

from ml.config import TrainRecipe
from ml.networks import Network

_DROPS: Final = 3
_DROP: Final = 0.1


def compile_training(network: Network, recipe: TrainRecipe, steps: int, *, attention: bool) -> keras.Model:
    """Returns the model that is fitted, sharing all weights with the network; its optimiser is built.

    Args:
        steps: of the whole training, which the learning rate falls over.
        attention: whether the batches bring targets for the maps; then the model has the outputs `logits` and
            `maps`, otherwise `logits` alone.
    """
    logits = network.trainable.output
    outputs = {"logits": logits, "maps": network.reader.output["maps"]} if attention else logits
    model = keras.Model(network.trainable.input, outputs, name="training")
    optimizer = _optimizer(recipe, steps)
    if attention:
        model.compile(
            optimizer,
            {"logits": _classification(recipe), "maps": _attention(recipe)},
            loss_weights={"logits": 1.0, "maps": recipe.attention},
            metrics={"logits": ["accuracy"]},
        )
    else:
        model.compile(optimizer, _classification(recipe), metrics=["accuracy"])
    optimizer.build(model.trainable_variables)
    return model


def _attention(recipe: TrainRecipe) -> Callable[[Any, Any], Any]:
    def loss(targets: Any, maps: Any) -> Any:
        aimed = attention_loss(targets, maps)
        return aimed + recipe.containment * share_outside(targets, maps) if recipe.containment > 0 else aimed

    return loss


def attention_loss(targets: Any, maps: Any) -> Any:
    """Cross-entropy between where the tumour is and where the true class's raw map has its evidence.

    The map becomes a distribution by a softmax over its places, as in spatial attention; images without a target
    cost nothing.

    Args:
        targets: (N, h, w, classes), in the true class's channel the tumour's share of each place, summing to 1;
            all 0 elsewhere and for an image without a mask.
        maps: (N, h, w, classes), raw class maps.

    Returns:
        (N,), at least 0.
    """
    places, classes = maps.shape[1:3], maps.shape[3]
    known = None not in places
    count = places[0] * places[1] if known else -1
    flat = (-1, count, classes) if known else (ops.shape(maps)[0], -1, classes)
    spread = ops.log_softmax(ops.reshape(maps, flat), axis=1)
    return -ops.sum(ops.reshape(targets, flat) * spread, axis=(1, 2))


def share_outside(targets: Any, maps: Any) -> Any:
    """Share of the true class's Grad-CAM that lies outside the tumour, a border of one place around it allowed.

    The attention loss does not see a constant that is added to the whole map; this share does, and it does not see
    the map's scale.

    Args:
        targets, maps: as for `attention_loss`.

    Returns:
        (N,), 0 to 1; 0 for an image without a mask.
    """
    inside = ops.cast(targets > 0, maps.dtype)
    allowed = ops.max_pool(inside, 3, strides=1, padding="same")
    marked = ops.max(inside, axis=(1, 2), keepdims=True)
    cam = ops.relu(maps) * marked
    whole = ops.sum(cam, axis=(1, 2, 3))
    return ops.sum(cam * (1 - allowed), axis=(1, 2, 3)) / (whole + keras.backend.epsilon())


def learning_rate(recipe: TrainRecipe, steps: int) -> Any:
    """Returns the learning rate as a function of the step, over all `steps` of a training."""
    if recipe.schedule == "step":
        return keras.optimizers.schedules.ExponentialDecay(
            recipe.learning_rate, max(1, -(-steps // _DROPS)), _DROP, staircase=True
        )
    warm = max(1, round(recipe.warm_up * steps))
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, steps - warm),
        alpha=1.0 if recipe.schedule == "constant" else 0.0,
        warmup_target=recipe.learning_rate,
        warmup_steps=warm,
    )


def _optimizer(recipe: TrainRecipe, steps: int) -> keras.Optimizer:
    averaging = {"use_ema": True, "ema_momentum": recipe.averaging} if recipe.averaging > 0 else {}
    optimizer = keras.optimizers.AdamW(
        learning_rate(recipe, steps), weight_decay=recipe.weight_decay, clipnorm=1.0, **averaging
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _classification(recipe: TrainRecipe) -> keras.Loss:
    if recipe.focal_gamma > 0:
        return keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=recipe.focal_gamma, from_logits=True, label_smoothing=recipe.label_smoothing
        )
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
