"""A reading room in arrays, with machine and readers of known accuracy."""

import numpy as np

from reviews.figures.data import BLINDED, LABEL, Images, Readings

PATHS = ("one reader", "agreed", "adjudicated", "known case")


def make_images(count, *, seed=0, right=0.8, per_subject=1, **fields):
    """Images whose machine is right with probability `right` and says so with about that probability."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 4, count)
    machine = np.where(random.random(count) < right, truth, (truth + random.integers(1, 4, count)) % 4)
    stated = np.full((count, 4), 0.05)
    top = random.uniform(0.4, 1, count)
    stated[:] = ((1 - top) / 3)[:, np.newaxis]
    stated[np.arange(count), machine] = top
    made = {
        "cluster": np.arange(count) // per_subject,
        "arrived": np.linspace(0, 60, count, endpoint=False),
        "truth": truth,
        "path": np.full(count, PATHS.index("agreed")),
        "closed": np.ones(count, bool),
        "unbiased": np.ones(count, bool),
        "machine": machine,
        "probabilities": stated,
        "in_force": np.ones(count, bool),
        "inputs": {"width": np.full(count, 512.0)},
        "paths": PATHS,
    }
    return Images(**made | fields)


def make_readings(images, readers=3, *, seed=1, right=0.7, follows=0.5, **fields):
    """Each reader reads every image blinded, is right with probability `right`, and follows the machine at times."""
    random = np.random.default_rng(seed)
    count = len(images) * readers
    image = np.tile(np.arange(len(images)), readers)
    truth, machine = images.truth[image], images.machine[image]
    first = np.where(random.random(count) < right, truth, (truth + random.integers(1, 4, count)) % 4)
    verdict = np.where((first != machine) & (random.random(count) < follows), machine, first)
    made = {
        "image": image,
        "reader": np.repeat(np.arange(1, readers + 1), len(images)),
        "purpose": np.full(count, LABEL),
        "mode": np.full(count, BLINDED),
        "repeats": np.full(count, -1),
        "first": first,
        "verdict": verdict,
        "first_confidence": random.integers(1, 4, count),
        "revealed": np.ones(count, bool),
        "first_seconds": random.lognormal(2, 0.5, count),
        "seconds": random.lognormal(2.5, 0.5, count),
    }
    return Readings(**made | fields)
