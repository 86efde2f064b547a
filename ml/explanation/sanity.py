"""Does a map depend on what was learned? The cascading weight randomisation of Adebayo et al. 2018, section 3.1.

Layer by layer from the head down, what was learned is destroyed; a map that explains the network has to change.
One that stays as it was shows the image and not the network, as edge detectors do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from ml.explanation.agreement import correlation
from ml.explanation.gradcam import ExplanationError, saliency

if TYPE_CHECKING:
    from ml.networks import Network

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

LARGEST_SIMILARITY: Final = 0.5
"""From the first randomised layer to the last, the mean rank correlation must stay at or below this."""


@dataclass(frozen=True)
class SanityCheck:
    """How alike maps stay to the trained network's while its layers are randomised from the head down.

    Attributes:
        layers: the layer that each step randomised, on top of all before it.
        similarity: after each step, the mean over images and draws of the rank correlation with the original.
        images, draws: how many of each.
    """

    layers: tuple[str, ...]
    similarity: tuple[float, ...]
    images: int
    draws: int

    @property
    def passed(self) -> bool:
        """Whether no step leaves maps more alike than `LARGEST_SIMILARITY`."""
        return max(self.similarity) <= LARGEST_SIMILARITY

    def as_dict(self) -> dict[str, Any]:
        """Returns plain values, with the criterion in words."""
        return {
            "passed": self.passed,
            "criterion": f"mean rank correlation with the trained network's maps at most "
            f"{LARGEST_SIMILARITY} after every step",
            "largest": max(self.similarity),
            "steps": [
                {"layer": layer, "similarity": value}
                for layer, value in zip(self.layers, self.similarity, strict=True)
            ],
            "images": self.images,
            "draws": self.draws,
        }


def randomise_cascading(
    network: Network, batch: Floats, classes: Ints, *, seed: int = 0, draws: int = 3, steps: int = 12
) -> SanityCheck:
    """Randomises a network from its head down and measures its Grad-CAM maps on the way.

    A layer is randomised by drawing its weights anew from a normal distribution of the mean and spread that they
    had, so that activations keep their size and only what was learned is lost. The network's weights are put
    back before this returns.

    Args:
        network: a trained network.
        batch: float32 (N, S, S, 1), real images.
        classes: (N,) the class whose map is watched in each image.
        seed: of the draws.
        draws: independent cascades to take the mean of.
        steps: at how many layers, evenly spread and the head always first, maps are measured.

    Raises:
        ExplanationError: without images, or when every one of the trained network's maps is flat.
    """
    if len(batch) == 0 or len(batch) != len(classes):
        raise ExplanationError(f"{len(batch)} images with {len(classes)} classes cannot be checked.")
    kept = network.trainable.get_weights()
    original = _maps(network, batch, classes)
    if not np.ptp(original.reshape(len(batch), -1), axis=1).any():
        raise ExplanationError("The network's maps are flat: there is nothing that could fall apart.")
    layers = [layer for layer in reversed(network.trainable.layers) if layer.weights]
    measured = sorted({round(number) for number in np.linspace(0, len(layers) - 1, min(steps, len(layers)))})
    found = np.zeros((draws, len(measured)))
    try:
        for draw in range(draws):
            rng = np.random.default_rng((seed, draw))
            for number, layer in enumerate(layers):
                layer.set_weights([_redrawn(values, rng) for values in layer.get_weights()])
                if number in measured:
                    now = _maps(network, batch, classes)
                    found[draw, measured.index(number)] = mean_similarity(original, now)
            network.trainable.set_weights(kept)
    finally:
        network.trainable.set_weights(kept)
    names = tuple(layers[number].name for number in measured)
    return SanityCheck(names, tuple(float(value) for value in found.mean(axis=0)), len(batch), draws)


def mean_similarity(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Returns the mean rank correlation of maps (N, h, w) with maps (N, h, w); a flat map counts as 0."""
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    pairs = zip(one.reshape(len(one), -1), other.reshape(len(other), -1), strict=True)
    # Imported here, as in `agreement`.
    from scipy.stats import rankdata

    return float(np.mean([correlation(rankdata(a), rankdata(b)) for a, b in pairs]))


def _maps(network: Network, batch: Floats, classes: Ints) -> Floats:
    maps = np.asarray(network.reader.predict_on_batch(batch)["maps"])
    return saliency(maps[np.arange(len(batch)), :, :, classes])


def _redrawn(values: Floats, rng: np.random.Generator) -> Floats:
    drawn: Floats = rng.normal(float(values.mean()), float(values.std()), values.shape).astype(np.float32)
    return drawn
