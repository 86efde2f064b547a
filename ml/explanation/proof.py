"""Grad-CAM by automatic differentiation, as the paper writes it: what the closed form is checked against.

Far slower than the closed form, and the only part of this package that needs Keras.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ml.explanation.gradcam import ExplanationError
from ml.networks import Network

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def gradcam_autodiff(network: Network, batch: Floats, classes: Ints, against: Ints | None = None) -> Floats:
    """Returns Grad-CAM from gradients of the logits with respect to the last activations.

    Args:
        network: built for the batch's side.
        batch: float32 (N, S, S, 1).
        classes: (N,) the class to explain in each image.
        against: (N,) the class to set it off from, by the difference of the two logits.

    Returns:
        float32 (N, h, w), at least 0: over h * w the same as `saliency` of the raw class map.

    Raises:
        ExplanationError: on a backend other than TensorFlow and JAX.
    """
    slopes_by = {"tensorflow": _tensorflow_slopes, "jax": _jax_slopes}.get(keras.backend.backend())
    if slopes_by is None:
        raise ExplanationError(
            f"The backend {keras.backend.backend()} gives no gradients here; use TensorFlow or JAX."
        )
    direction = np.eye(network.head.units, dtype=np.float32)[classes]
    if against is not None:
        direction -= np.eye(network.head.units, dtype=np.float32)[against]
    activations = network.features(batch, training=False)
    slopes = slopes_by(_tail(network), activations, direction)
    importance = slopes.mean(axis=(1, 2), keepdims=True)  # alpha_k, equation 1 of the paper
    seen = np.asarray(keras.ops.convert_to_numpy(activations), np.float32)
    cam: Floats = np.maximum((importance * seen).sum(axis=-1), 0).astype(np.float32)
    return cam


def _tail(network: Network) -> Any:
    activations = keras.Input(network.features.output_shape[1:])
    pooled = network.trainable.get_layer("embeddings")(activations)
    return keras.Model(activations, network.head(pooled))


def _tensorflow_slopes(tail: Any, activations: Any, direction: Floats) -> Floats:
    import tensorflow as tf  # here: the other backend does without

    with tf.GradientTape() as tape:
        tape.watch(activations)
        explained = tf.reduce_sum(tail(activations, training=False) * direction)
    return np.asarray(tape.gradient(explained, activations).numpy(), np.float32)


def _jax_slopes(tail: Any, activations: Any, direction: Floats) -> Floats:
    import jax  # here: the other backend does without

    weights = [variable.value for variable in tail.trainable_variables]
    fixed = [variable.value for variable in tail.non_trainable_variables]

    def explained(maps: Any) -> Any:
        logits, _ = tail.stateless_call(weights, fixed, maps, training=False)
        return (logits * direction).sum()

    return np.asarray(jax.grad(explained)(activations), np.float32)
