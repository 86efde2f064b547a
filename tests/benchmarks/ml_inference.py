"""How long one forward pass takes: Keras called, Keras compiled, ONNX Runtime.

`python tests/benchmarks/ml_inference.py`. Times are medians on the machine it runs on; the ratios are what travels.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from ml.checkpoint import read_checkpoint
from ml.config import SHIPPED_CHECKPOINT
from ml.inference import KerasPredictor, OnnxPredictor


def seconds(call: Callable[[], object], rounds: int) -> float:
    """Median of some rounds, after two to warm up."""
    for _ in range(2):
        call()
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    checkpoint = read_checkpoint(SHIPPED_CHECKPOINT)
    started = time.perf_counter()
    served = OnnxPredictor(checkpoint)
    print(f"opening the ONNX export: {time.perf_counter() - started:.2f} s")
    started = time.perf_counter()
    compiled = KerasPredictor(checkpoint)
    model = checkpoint.build_model()
    print(
        f"building the Keras model twice, TensorFlow's import included: {time.perf_counter() - started:.2f} s"
    )
    for size in (1, 32):
        batch = np.random.default_rng(0).uniform(-1, 1, (size, 224, 224, 1)).astype(np.float32)
        ways: dict[str, Callable[[], object]] = {
            "ONNX Runtime": lambda batch=batch: served.predict(batch),
            "Keras, compiled (predict_on_batch)": lambda batch=batch: compiled.predict(batch),
            "Keras, called": lambda batch=batch: model(batch, training=False),
        }
        taken = {name: seconds(call, rounds) for name, call in ways.items()}
        for name, value in taken.items():
            ratio = value / taken["ONNX Runtime"]
            print(
                f"batch {size:>2}  {name:<36}{value * 1000:8.1f} ms  {size / value:7.0f} images/s  {ratio:5.1f}x"
            )


if __name__ == "__main__":
    main()
