"""Teaches the small network that spots where letters may stand (classifier/intake/writing/spotting.onnx).

`python -m tools.teach_writing --data DIR [--crops N] [--epochs N] [--to FILE]`. DIR holds the public sets. Crops of
real slices are made at several sizes, into half of which a line is written; images, fonts and names are those of the
tuning part of `tests.benchmarks.burned_in_text`, of which its test part knows none. Ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import random
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import keras
import numpy as np
import numpy.typing as npt
import onnx
from keras import layers, ops
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from tests.benchmarks.burned_in_writing import TUNING, Levels, backgrounds, pen, phrases, place

TO = Path(__file__).parents[1] / "classifier" / "intake" / "writing" / "spotting.onnx"
SIDE, CELL = 192, 4
SIZES = range(7, 23)
SCALES = (0.5, 0.75, 1, 1, 1, 1, 1.5, 2, 2.5)
DILATIONS = (1, 2, 4, 1)
FIRST, CHANNELS = 12, 16
FEWEST_LETTERS, LEAST_CONTRAST = 3, 50
HEAVIER = 9.0
"""How much more a cell with a letter weighs than one without."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--crops", type=int, default=12_000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--to", type=Path, default=TO)
    options = parser.parse_args()
    keras.utils.set_random_seed(options.seed)
    crops, letters = _crops(options.data, options.crops, random.Random(options.seed))  # noqa: S311
    network = _network()
    steps = options.epochs * len(crops) // 32
    network.compile(keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(3e-3, steps)), loss=_loss)
    network.fit(crops, letters, batch_size=32, epochs=options.epochs, verbose=2, validation_split=0.03)
    onnx.save(_as_onnx(network.get_weights()), options.to)


def _crops(data: Path, count: int, draw: random.Random) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Returns crops (N, SIDE, SIDE, 1) of uint8, and which of their cells hold a letter."""
    paths = backgrounds(data, TUNING, 4000, 9)
    draw.shuffle(paths)
    crops = np.zeros((count, SIDE, SIDE, 1), np.uint8)
    letters = np.zeros((count, SIDE // CELL, SIDE // CELL, 1), np.uint8)
    for number in range(count):
        crop, where = _cut(paths[number % len(paths)], draw), np.zeros((SIDE, SIDE), np.uint8)
        for _ in range(draw.choice((1, 1, 2)) if draw.random() < 0.55 else 0):
            _write(crop, where, draw)
        if draw.random() < 0.3:
            quality = [cv2.IMWRITE_JPEG_QUALITY, draw.randint(70, 95)]
            crop = np.asarray(
                cv2.imdecode(cv2.imencode(".jpg", crop, quality)[1], cv2.IMREAD_GRAYSCALE), np.uint8
            )
        crops[number, ..., 0] = crop
        cells = where.reshape(SIDE // CELL, CELL, SIDE // CELL, CELL).mean((1, 3))
        letters[number, ..., 0] = cells > 0.25
    return crops, letters


def _cut(path: Path, draw: random.Random) -> Levels:
    image = np.asarray(Image.open(path).convert("L"))
    scale = max(draw.choice(SCALES), 1.001 * SIDE / min(image.shape))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=how), np.uint8)
    top, left = draw.randint(0, image.shape[0] - SIDE), draw.randint(0, image.shape[1] - SIDE)
    crop = image[top : top + SIDE, left : left + SIDE]
    if draw.random() < 0.5:
        crop = crop[:, ::-1]
    if draw.random() < 0.3:
        crop = np.clip(crop * draw.uniform(0.6, 1.6), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(crop)


def _write(crop: Levels, where: Levels, draw: random.Random) -> None:
    """Write a line somewhere, as it is or turned, stretched or blurred a little; its letters are marked in `where`."""
    mask = _line(draw)[:SIDE, :SIDE]
    height, width = mask.shape
    left, top = place(draw, SIDE - width), place(draw, SIDE - height)
    there = np.s_[top : top + height, left : left + width]
    ground = crop[there].astype(float)
    under = ground[mask > 100].mean() if (mask > 100).any() else ground.mean()
    level = draw.choice([level for level in range(256) if abs(level - under) >= LEAST_CONTRAST])
    crop[there] = np.rint(ground + (level - ground) * (mask / 255))
    spread = np.ones((3, 9) if height <= width else (9, 3), np.uint8)
    where[there] |= np.asarray(cv2.dilate((mask > 90).astype(np.uint8), spread), np.uint8)


def _line(draw: random.Random) -> Levels:
    if draw.random() < 0.6:
        text = next(phrases(TUNING, draw))
    else:
        signs = string.ascii_letters + string.digits + " .-/^,"
        text = "".join(draw.choices(signs, k=draw.randint(FEWEST_LETTERS, 12)))
    mask = pen(draw.choice(TUNING.fonts), draw.choice(SIZES))(text)
    if draw.random() < 0.3:
        mask = np.asarray(cv2.resize(mask, None, fx=draw.uniform(0.85, 1.3), fy=1), np.uint8)
    if draw.random() < 0.25:
        mask = np.rot90(mask, draw.choice((1, 2, 3)))
    if draw.random() < 0.1:
        mask = mask[::-1]
    if draw.random() < 0.25:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), draw.uniform(0.4, 0.8)), np.uint8)
    return mask


def _network() -> keras.Model:
    """A network that ends in one number for each cell; it sees about a hundred pixels around."""
    pixels = layers.Input((None, None, 1))
    found = layers.Rescaling(1 / 127.5, -1)(pixels)
    found = layers.Conv2D(FIRST, 5, 2, "same", activation="relu")(found)
    found = layers.Conv2D(CHANNELS, 3, 2, "same", activation="relu")(found)
    for dilation in DILATIONS:
        found = layers.Conv2D(CHANNELS, 3, 1, "same", dilation_rate=dilation, activation="relu")(found)
    return keras.Model(pixels, layers.Conv2D(1, 1, activation="sigmoid")(found))


def _loss(letters: Any, probable: Any) -> Any:
    letters = ops.cast(letters, probable.dtype)
    probable = ops.clip(probable, 1e-5, 1 - 1e-5)
    weights = 1 + (HEAVIER - 1) * letters
    return -ops.mean(weights * (letters * ops.log(probable) + (1 - letters) * ops.log(1 - probable)))


def _as_onnx(weights: Sequence[npt.NDArray[np.float32]]) -> onnx.ModelProto:
    """The network as OpenCV reads it: for images of any size."""
    nodes, kept, name = [], [], "pixels"
    last = len(weights) // 2 - 1
    for number in range(last + 1):
        kernel, bias = weights[2 * number].transpose(3, 2, 0, 1), weights[2 * number + 1]
        dilation = DILATIONS[number - 2] if 2 <= number < last else 1
        kept.append(numpy_helper.from_array(np.ascontiguousarray(kernel), f"kernel{number}"))
        kept.append(numpy_helper.from_array(bias, f"bias{number}"))
        nodes.append(
            helper.make_node(
                "Conv", [name, f"kernel{number}", f"bias{number}"], [f"conv{number}"],
                kernel_shape=list(kernel.shape[2:]), strides=[2 if number < 2 else 1] * 2,
                dilations=[dilation] * 2, pads=[kernel.shape[2] // 2 * dilation] * 4,
            )
        )  # fmt: skip
        name = "letters" if number == last else f"found{number}"
        nodes.append(helper.make_node("Sigmoid" if number == last else "Relu", [f"conv{number}"], [name]))
    sides = [helper.make_tensor_value_info(end, TensorProto.FLOAT, [1, 1, f"{end}_h", f"{end}_w"])
             for end in ("pixels", "letters")]  # fmt: skip
    graph = helper.make_graph(nodes, "spotting", sides[:1], sides[1:], kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    main()
