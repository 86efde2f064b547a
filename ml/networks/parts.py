"""Pieces that several families are made of."""

from __future__ import annotations

from typing import Any, Final

from keras import layers

GREY_TO_RGB: Final = "grey_to_rgb"

NORM_MOMENTUM: Final = 0.9
"""Batch statistics are averaged over some ten steps: Keras's own 0.99 lags behind in a training of a few hundred."""

_NECK: Final = (256, 128, 384)  # channels of the last activations, of the finer ones, of both together


def channels(count: float) -> int:
    """Rounds a number of channels to a multiple of 8, as Sandler et al. (2018) do, losing at most a tenth."""
    rounded = max(8, int(count + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * count else rounded + 8


def to_rgb(image: Any) -> Any:
    """Repeats the one grey channel three times."""
    return layers.Concatenate(name=GREY_TO_RGB)([image, image, image])


def convolve(x: Any, width: int, side: int, stride: int, name: str) -> Any:
    """A convolution with its bias and ReLU6."""
    x = layers.Conv2D(width, side, stride, padding="same", name=name)(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def join_finer(last: Any, finer: Any, width: float = 1.0) -> Any:
    """Joins the last activations, at a 32nd of the input's side, with those at a 16th; the result is at a 16th.

    A step of a feature pyramid (Lin et al. 2017, section 3) that ends in one set of activations: what the last
    ones know about the whole head, at the place that the finer ones know.
    """
    top, fine, both = (channels(count * width) for count in _NECK)
    # Nearest neighbours, smoothed by the convolution after them: bilinear interpolation would have to know the
    # input's side when the layers are built, and training changes the side.
    raised = layers.UpSampling2D(2, name="neck_raise")(layers.Conv2D(top, 1, name="neck_top")(last))
    joined = layers.Concatenate(name="neck_join")([raised, layers.Conv2D(fine, 1, name="neck_fine")(finer)])
    joined = layers.ReLU(6.0, name="neck_join_relu")(joined)
    smooth = layers.DepthwiseConv2D(3, padding="same", name="neck_smooth")(joined)
    return convolve(smooth, both, 1, 1, "neck_mix")
