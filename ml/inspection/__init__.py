"""What is in a folder of images: counts, damage, duplicates, leaks, shortcuts, and what is no MRI."""

from ml.inspection.ct import looks_like_ct, skull_ring
from ml.inspection.files import ImageError, Labelled, find_images, read_grey
from ml.inspection.pairs import clusters
from ml.inspection.survey import inspect_images

__all__ = [
    "ImageError",
    "Labelled",
    "clusters",
    "find_images",
    "inspect_images",
    "looks_like_ct",
    "read_grey",
    "skull_ring",
]
