"""Grad-CAM of the logit (Selvaraju et al. 2017, section 3), in closed form and by automatic differentiation.

The networks here end in global average pooling and one linear layer. Then the gradient of a logit with respect
to activation map A_k is the head's weight over the number of places, everywhere the same, and Grad-CAM becomes
ReLU(sum_k w_kc A_k): the raw class map of the forward pass, clipped at zero. Section 3.1 of the paper proves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from ml.labels import InputError

if TYPE_CHECKING:
    from ml.networks import Network

Floats = npt.NDArray[np.float32]


class GradCamError(InputError):
    """Maps that cannot be explained, or a backend without the tool."""


def saliency(maps: npt.ArrayLike) -> Floats:
    """Returns Grad-CAM of the logits from raw class maps: float32 of the same shape, at least 0."""
    return np.maximum(np.asarray(maps, np.float32), 0)


def normalise(cam: npt.ArrayLike) -> Floats:
    """Scales maps (..., h, w) so that each one's largest value is 1; a map without any evidence stays all zero."""
    values = np.asarray(cam, np.float32)
    if not np.isfinite(values).all():
        raise GradCamError("The map holds numbers that are not finite.")
    top = values.max(axis=(-2, -1), keepdims=True)
    return np.divide(values, top, out=np.zeros_like(values), where=top > 0)


def gradcam_autodiff(network: Network, batch: Floats, classes: npt.NDArray[np.int64]) -> Floats:
    """Grad-CAM as the paper defines it, with a gradient tape: the proof of the closed form, and far slower.

    Args:
        network: built for the batch's side.
        batch: float32 (N, S, S, 1).
        classes: (N,) the class to explain in each image.

    Returns:
        float32 (N, h, w), at least 0; in proportion to `saliency` of the same class's map.

    Raises:
        GradCamError: on another backend than TensorFlow, whose tape this uses.
    """
    import keras  # here: only the proof needs Keras, the maps themselves do not

    if keras.backend.backend() != "tensorflow":
        raise GradCamError("Automatic differentiation is checked with TensorFlow's tape only.")
    import tensorflow as tf

    tail = _tail(network)
    activations = tf.convert_to_tensor(network.features(batch, training=False))
    with tf.GradientTape() as tape:
        tape.watch(activations)
        logits = tail(activations, training=False)
        chosen = tf.gather(logits, classes, axis=1, batch_dims=1)
    slopes = tape.gradient(chosen, activations)
    importance = tf.reduce_mean(slopes, axis=(1, 2), keepdims=True)
    return np.asarray(tf.nn.relu(tf.reduce_sum(importance * activations, axis=-1)), np.float32)


def overlay(grey: npt.NDArray[np.uint8], cam: Floats, opacity: float = 0.5) -> npt.NDArray[np.uint8]:
    """Returns the image with a normalised map (h, w) over it in inferno, RGB uint8 (H, W, 3).

    The map's opacity grows with its value, so that where the model saw nothing the image stays as it was.
    """
    height, width = grey.shape
    spread = np.clip(cv2.resize(cam, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    colours = cv2.applyColorMap(np.rint(spread * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    weight = (opacity * spread)[..., np.newaxis]
    mixed = (1 - weight) * grey[..., np.newaxis] + weight * colours
    return np.rint(mixed).astype(np.uint8)


def _tail(network: Network) -> Any:
    import keras

    activations = keras.Input(network.features.output_shape[1:])
    pooled = network.trainable.get_layer("embeddings")(activations)
    return keras.Model(activations, network.head(pooled))
