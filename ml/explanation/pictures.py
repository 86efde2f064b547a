"""The model card's picture: where networks looked on the same held-out tumours, without a pixel of any patient.

Only maps, outlines of heads and outlines of masks are drawn. Matplotlib is imported with this module, which is why
the package does not import it.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image

from ml.explanation.gradcam import ExplanationError, class_map, enlarge, normalise, saliency
from ml.explanation.localisation import believed_masks
from ml.labels import CLASSES, DISPLAY_NAMES
from ml.masks import Bools, head_area
from ml.preprocessing import Levels

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

CAPTION: Final = (
    "Where the model looked, not where the tumour is.",
    "Dark: Grad-CAM of the true class, each map scaled to its own largest value. Grey line: the head. Blue line: the "
    "tumour mask, which no network here saw. The same held-out tumours in every row, at even steps of size "
    "among those that every network named rightly; nothing else chose them.",
    "Right: the mean map of all tumours that the network named rightly, each moved so that its mask lies in the "
    "middle; blue: where half of the masks reach.",
)
_COLOURS: Final = "inferno_r"  # light where there is nothing, so that it prints; even for the colour-blind
_HEAD, _MASK, _CASING, _INK = "#8a8a8a", "#0072b2", "#ffffff", "#222222"
_INCH, _LINE_INCH, _LETTERS_PER_INCH = 1.45, 0.155, 15.5


@dataclass(frozen=True)
class Looked:
    """What one network said about N images.

    Attributes:
        maps: float32 (N, h, w, 4), raw class maps; every network may have its own h and w.
        probabilities: (N, 4), or logits.
    """

    maps: Floats
    probabilities: Floats


def draw_maps(
    networks: Mapping[str, Looked],
    labels: Ints,
    masks: npt.NDArray[np.uint8] | Bools,
    levels: Levels,
    *,
    each: int = 2,
) -> bytes:
    """Draws the maps of networks below each other, the same tumours in every row, and each one's mean map.

    Args:
        networks: by the name to print, such as "plainly trained" and "shipped"; all about the same images.
        labels: (N,) class indices.
        masks: (N, S, S), not zero inside the tumour; all zero without a mask.
        levels: uint8 (N, S, S), for the heads' outlines; no level is drawn.
        each: tumours of each class.

    Returns:
        A PNG file; the same bytes for the same input.

    Raises:
        ExplanationError: where arrays do not fit, or no tumour was named rightly by all networks.
    """
    for name, looked in networks.items():
        if not len(looked.maps) == len(looked.probabilities) == len(labels) == len(masks) == len(levels):
            raise ExplanationError(f"The maps of {name!r} are not of the same images as the masks.")
    believed, _ = believed_masks(labels, masks, levels)
    right = {
        name: believed & (looked.probabilities.argmax(axis=1) == labels) for name, looked in networks.items()
    }
    chosen = _chosen(np.logical_and.reduce(list(right.values())), labels, masks, each)
    if not chosen:
        raise ExplanationError("No tumour with a mask was named rightly by every network.")
    rows, columns = len(networks), len(chosen) + 1
    width = _INCH * columns + 0.9
    caption = [part for text in CAPTION for part in textwrap.wrap(text, int(_LETTERS_PER_INCH * width))]
    below = _LINE_INCH * (len(caption) + 1)
    figure = Figure(figsize=(width, _INCH * rows + below + 0.4), dpi=120, facecolor="white")
    grid = figure.subplots(rows, columns, squeeze=False)
    shade = None
    for panels, (name, looked) in zip(grid, networks.items(), strict=True):
        for panel, image in zip(panels, chosen, strict=False):
            cam = _cam(looked, image, labels, levels.shape[1])
            shade = _shade(panel, cam, head_area(levels[image]), np.asarray(masks[image]) > 0)
        _mean_panel(panels[-1], looked, np.flatnonzero(right[name]), labels, masks)
        panels[0].set_ylabel(name, fontsize=9, color=_INK)
    for panel, image in zip(grid[0], chosen, strict=False):
        panel.set_title(DISPLAY_NAMES[CLASSES[labels[image]]], fontsize=8, color=_INK)
    return _finished(figure, shade, caption, below)


def mean_map(looked: Looked, chosen: Ints, labels: Ints, masks: Any) -> tuple[Floats, Floats]:
    """Returns the mean of the true class's maps, scaled to 1 each and moved so that the masks' centres coincide.

    Returns:
        The mean map and the share of masks that reach a place, both float32 (S, S), the centre in the middle. A
        place is averaged over the images that reach it.
    """
    side = masks.shape[1]
    total, reached, covered = np.zeros((3, side, side), np.float64)
    for image in chosen:
        mask = (np.asarray(masks[image]) > 0).astype(np.float32)
        y, x = np.argwhere(mask).mean(axis=0)
        move = np.array([[1, 0, (side - 1) / 2 - x], [0, 1, (side - 1) / 2 - y]])
        cam = _cam(looked, image, labels, side)
        total += cv2.warpAffine(cam, move, (side, side))
        reached += cv2.warpAffine(np.ones_like(mask), move, (side, side))
        covered += cv2.warpAffine(mask, move, (side, side))
    mean = np.divide(total, reached, out=np.zeros_like(total), where=reached > 0)
    return mean.astype(np.float32), (covered / max(1, len(chosen))).astype(np.float32)


def _chosen(right: Bools, labels: Ints, masks: Any, each: int) -> list[int]:
    found: list[int] = []
    for label in np.unique(labels[right]):
        own = np.flatnonzero(right & (labels == label))
        ordered = own[np.argsort([int((masks[i] > 0).sum()) for i in own], kind="stable")]
        steps = (np.arange(min(each, len(own))) + 0.5) / min(each, len(own))
        found.extend(int(ordered[int(step * len(own))]) for step in steps)
    return found


def _cam(looked: Looked, image: int, labels: Ints, side: int) -> Floats:
    return normalise(enlarge(saliency(class_map(looked.maps[image], int(labels[image]))), side))


def _shade(panel: Any, cam: Floats, head: Bools | None, mask: npt.NDArray[Any], level: float = 0.5) -> Any:
    shade = panel.imshow(cam, cmap=_COLOURS, vmin=0, vmax=1, interpolation="nearest")
    if head is not None:
        panel.contour(head, levels=[0.5], colors=_HEAD, linewidths=0.9)
    if mask.max() > level:
        for colour, width in ((_CASING, 2.6), (_MASK, 1.3)):
            panel.contour(mask, levels=[level], colors=colour, linewidths=width)
    panel.set_xticks([])
    panel.set_yticks([])
    for spine in panel.spines.values():
        spine.set_color("#cccccc")
    return shade


def _mean_panel(panel: Any, looked: Looked, chosen: Ints, labels: Ints, masks: Any) -> None:
    mean, covered = mean_map(looked, chosen, labels, masks)
    _shade(panel, mean, None, covered)
    panel.set_title(f"mean of {len(chosen)}", fontsize=8, color=_INK)


def _finished(figure: Figure, shade: Any, caption: list[str], below: float) -> bytes:
    height = figure.get_figheight()
    bottom, top = (below + 0.1) / height, 1 - 0.3 / height
    figure.subplots_adjust(left=0.05, right=0.93, top=top, bottom=bottom, wspace=0.05, hspace=0.16)
    bar = figure.colorbar(shade, cax=figure.add_axes((0.94, bottom, 0.01, top - bottom)), ticks=[0, 1])
    bar.ax.set_yticklabels(["none", "most"], fontsize=8, color=_INK)
    bar.ax.tick_params(length=0)
    words: dict[str, Any] = {"fontsize": 8, "color": _INK, "va": "top", "linespacing": 1.4}
    figure.text(0.05, below / height, "\n".join(caption), **words)
    file, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(256).save(packed, "PNG", optimize=True)
    return packed.getvalue()
