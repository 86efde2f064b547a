"""Every way to infer and to train on this machine, in one run: which is fastest, and by how much.

`python tests/benchmarks/ml_paths.py [--rounds N] [--size S] [--json FILE]`. Times are medians; every table names the
path that engine or trainer take and gives all others as a multiple of its time. The ratios are what travels.
Run it on a quiet machine; it prints the load it found.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from ml.checkpoint import Checkpoint, read_checkpoint
from ml.checkpoint.writing import golden_pixels
from ml.config import SHIPPED_CHECKPOINT, Augmentation, TrainRecipe
from ml.datasets import AugmentedImages, augment
from ml.inference import OnnxPredictor
from ml.networks import Network, build_network, freeze_blocks
from ml.preprocessing import scale
from ml.training.head import fit_head
from ml.training.objective import compile_training

BATCH = 32
ALL_BLOCKS = 32
Ways = dict[str, Callable[[], object]]


def seconds(ways: Ways, rounds: int) -> dict[str, float]:
    """Median of some rounds by way, after one to warm up; every round takes all ways in turn.

    In turn, so that a machine that is busier for a while is busier for all of them.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, call in ways.items():
            started = time.perf_counter()
            call()
            if number:
                taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(found) for name, found in taken.items()}


def report(title: str, ways: Ways, images: int, rounds: int, used: str) -> dict[str, Any]:
    """Times some ways to do the same and prints each beside the one in use."""
    print(f"\n{title}", flush=True)
    taken = seconds(ways, rounds)
    for name, value in sorted(taken.items(), key=lambda item: item[1]):
        mark = "<- in use" if name == used else ""
        print(
            f"  {name:<46}{value * 1000:9.1f} ms{images / value:9.1f} images/s{value / taken[used]:7.2f}x  {mark}",
            flush=True,
        )
    return {
        name: {"ms": round(1000 * value, 2), "times_used": round(value / taken[used], 3)}
        for name, value in taken.items()
    }


def inference(checkpoint: Checkpoint, rounds: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Forward passes of the shipped checkpoint, one image and a batch."""
    size = checkpoint.preprocessing.size
    reader = checkpoint.build_model()
    compiled = tf.function(lambda batch: reader(batch, training=False))
    accelerated = tf.function(lambda batch: reader(batch, training=False), jit_compile=True)
    threads = {count: OnnxPredictor(checkpoint, count) for count in sorted({1, os.cpu_count() or 1})}
    served = OnnxPredictor(checkpoint)
    for count in (1, BATCH):
        batch = np.random.default_rng(0).uniform(-1, 1, (count, size, size, 1)).astype(np.float32)
        tensor = tf.constant(batch)
        ways: Ways = {
            "ONNX Runtime": lambda batch=batch: served.predict(batch),
            "Keras, model.predict": lambda batch=batch: reader.predict(batch, verbose=0),
            "Keras, predict_on_batch": lambda batch=batch: reader.predict_on_batch(batch),
            "Keras, called eagerly": lambda tensor=tensor: reader(tensor, training=False),
            "Keras, tf.function": lambda tensor=tensor: compiled(tensor),
            "Keras, tf.function with XLA": lambda tensor=tensor: accelerated(tensor),
        }
        for number, predictor in threads.items():
            ways[f"ONNX Runtime, {number} threads"] = lambda batch=batch, on=predictor: on.predict(batch)
        title = f"inference, batch {count}, {checkpoint.metadata['network']['name']} at {size}"
        yield title, report(title, ways, count, rounds, "ONNX Runtime")


def training(size: int, rounds: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Steps of a full fine-tuning, and where augmentation runs."""
    recipe = TrainRecipe()
    levels, labels = drawn(BATCH, size)
    images, hot = scale(levels), np.eye(4, dtype=np.float32)[labels]
    ways: Ways = {}
    for name, policy, jit in (
        ("float32, graph", "float32", False),
        ("float32, XLA", "float32", True),
        ("mixed bfloat16, graph", "mixed_bfloat16", False),
    ):
        model = step_model(recipe, policy, jit)
        ways[name] = lambda model=model: model.train_on_batch(images, hot)
    title = f"training step, batch {BATCH} at {size}"
    yield title, report(title, ways, BATCH, rounds, "float32, graph")

    steps = 12
    many, whose = drawn(steps * BATCH, size)
    plain, within = step_model(recipe, "float32", False), step_model(recipe, "float32", False, in_graph=True)

    def loader(threads: int) -> AugmentedImages:
        return AugmentedImages(
            many, whose, np.ones(len(many), np.float32), ("",) * len(many), size=size, batch_size=BATCH,
            how=Augmentation(), seed=0, epoch=0, threads=threads,
        )  # fmt: skip

    fixed, truth = scale(many), np.eye(4, dtype=np.float32)[whose]
    ways = {
        "augmentation in 2 loader threads": lambda: plain.fit(loader(2), verbose=0),
        "augmentation in 1 loader thread": lambda: plain.fit(loader(1), verbose=0),
        "augmentation in the graph (Keras layers)": lambda: within.fit(
            fixed, truth, batch_size=BATCH, verbose=0
        ),
        "no augmentation": lambda: plain.fit(fixed, truth, batch_size=BATCH, verbose=0),
        "(augmentation alone, one thread)": lambda: [
            augment(image, size, np.random.default_rng(0), Augmentation()) for image in many
        ],
    }
    title = f"epoch of {steps} steps at {size}"
    yield title, report(title, ways, steps * BATCH, max(2, rounds // 3), "augmentation in 2 loader threads")


def frozen(size: int, rounds: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """An epoch of the head alone: every time through the frozen base, or once and then from its features."""
    recipe = TrainRecipe()
    count = 4 * BATCH
    levels, labels = drawn(count, size)
    images, hot = scale(levels), np.eye(4, dtype=np.float32)[labels]
    network = build_network(recipe.network)
    freeze_blocks(network, ALL_BLOCKS)
    model = compile_training(network, recipe, 100, attention=False)
    pooled = network.features.predict(images, batch_size=BATCH, verbose=0).mean(axis=(1, 2))
    ways: Ways = {
        "frozen base, every epoch through it": lambda: model.fit(images, hot, batch_size=BATCH, verbose=0),
        "features once (Keras predict)": lambda: network.features.predict(
            images, batch_size=BATCH, verbose=0
        ),
        "cached features, one step of L-BFGS": lambda: fit_head(
            pooled, labels, np.ones(count), penalty=1e-3, iterations=1
        ),
    }
    title = f"head alone, {count} images at {size}"
    yield title, report(title, ways, count, max(2, rounds // 3), "cached features, one step of L-BFGS")


def step_model(recipe: TrainRecipe, policy: str, jit: bool, *, in_graph: bool = False) -> keras.Model:
    """Returns the recipe's model, compiled for one way of training."""
    keras.mixed_precision.set_global_policy(policy)
    try:
        network: Network = build_network(recipe.network)
        freeze_blocks(network, recipe.frozen_blocks)
        model = compile_training(network, recipe, 100, attention=False)
        if in_graph:
            image = keras.Input((None, None, 1))
            model = keras.Model(image, model(graph_augmentation()(image)))
        model.compile(
            keras.optimizers.AdamW(3e-4),
            keras.losses.CategoricalCrossentropy(from_logits=True),
            jit_compile=jit,
        )
    finally:
        keras.mixed_precision.set_global_policy("float32")
    return model


def graph_augmentation() -> keras.Sequential:
    """Keras's own layers for about the same changes as the recipe's augmentation."""
    layers = keras.layers
    return keras.Sequential([
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(20 / 360),
        layers.RandomZoom(0.18),
        layers.RandomTranslation(0.06, 0.06),
        layers.RandomContrast(0.2),
        layers.RandomBrightness(0.08, value_range=(-1, 1)),
        layers.GaussianNoise(0.03),
    ])  # fmt: skip


def drawn(count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Head-like ellipses, uint8 (count, size, size), with labels that mean nothing."""
    pictures = golden_pixels(4, size, size)
    return np.stack([pictures[i % 4] for i in range(count)]), np.arange(count) % 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--size", type=int, default=224, help="side of the images trained on")
    parser.add_argument("--json", type=Path, help="also write the times there")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {keras.backend.backend()}")
    checkpoint = read_checkpoint(SHIPPED_CHECKPOINT)
    found = {
        **dict(inference(checkpoint, options.rounds)),
        **dict(training(options.size, options.rounds)),
        **dict(frozen(options.size, options.rounds)),
    }
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
