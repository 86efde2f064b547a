"""Images on their way into a network: decoded once, kept as levels, changed at random in loader threads."""

from ml.datasets.augmentation import augment, augment_pair
from ml.datasets.batches import AugmentedImages, draw_epoch
from ml.datasets.pixels import Pixels, load_masks, load_pixels, resize_levels

__all__ = [
    "AugmentedImages",
    "Pixels",
    "augment",
    "augment_pair",
    "draw_epoch",
    "load_masks",
    "load_pixels",
    "resize_levels",
]
