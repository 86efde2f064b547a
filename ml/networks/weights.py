"""Weights from elsewhere, and weights on their way into a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from ml.networks.applications import fill_application
from ml.networks.building import Network
from ml.networks.errors import NetworkError
from ml.networks.mobilenet import fill_mobilenet_v2

Kernel = npt.NDArray[np.float32]
Weights = list[Kernel]

_IMAGENET: Final = "imagenet"
_GIVEN: Final = {
    "mobilenet_v2": (keras.applications.MobileNetV2, fill_mobilenet_v2),
    "efficientnet_b0": (keras.applications.EfficientNetB0, fill_application),
    "resnet50": (keras.applications.ResNet50, fill_application),
}


def load_imagenet(network: Network, source: Path | str = _IMAGENET) -> None:
    """Fills a network with ImageNet weights; a neck and the head keep what they have.

    Args:
        source: a weights file of the Keras application without top, or "imagenet" to let Keras fetch one.

    Raises:
        NetworkError: for a network without ImageNet weights, a file that is missing or does not fit, or weights
            that cannot be fetched.
    """
    spec = network.spec
    if spec.name not in _GIVEN:
        raise NetworkError(
            f"There are no ImageNet weights of {spec.name}; expected to train it from scratch."
        )
    application, fill = _GIVEN[spec.name]
    options: dict[str, Any] = {"alpha": spec.width} if spec.name == "mobilenet_v2" else {}
    if str(source) != _IMAGENET and not Path(source).is_file():
        raise NetworkError(f"The weights {source} are not a file; expected one, or 'imagenet' to fetch them.")
    try:
        given = application(weights=str(source), include_top=False, input_shape=(224, 224, 3), **options)
    except Exception as error:  # h5py, Keras and the network each have kinds of their own
        what = "be fetched" if str(source) == _IMAGENET else "be read as weights without top"
        raise NetworkError(f"The ImageNet weights {source} of {spec.name} cannot {what}: {error}") from error
    fill(network.features, given)


def round_weights(weights: Weights) -> Weights:
    """Rounds kernels to values that float16 holds too, so that a checkpoint packs to half its size.

    Vectors stay as they are: they are few, and the variances among them may be too small or too large for float16.
    """
    return [
        array.astype(np.float16).astype(np.float32) if array.ndim > 1 else array.astype(np.float32)
        for array in weights
    ]
