"""`explain`: where the model looked, on single images, and how well that points at tumours, over a manifest."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml.checkpoint import Checkpoint, read_checkpoint
from ml.evaluation import predict_levels
from ml.explanation import (
    Agreement,
    agreement,
    class_map,
    enlarge,
    localisation_figures,
    normalise,
    occlude,
    overlay,
    randomise_cascading,
    saliency,
)
from ml.explanation.localisation import believed_masks
from ml.explanation.methods import Logits, compare_methods, watch
from ml.inference import Floats, OnnxPredictor, Outputs, verify_golden
from ml.inspection import find_images, read_grey
from ml.inspection.gallery import spread
from ml.labels import CLASSES, InputError, label_index
from ml.manifest import Row, read_manifest
from ml.masks import framed_mask, head_area
from ml.preprocessing import Levels, scale

SANITY_IMAGES = 32
"""Enough for a mean; a network is run several dozen times on them."""


METHOD_IMAGES = 48
"""Evenly spread over the part: occlusion costs some 230 forward passes each."""


@dataclass(frozen=True)
class _Seen:
    """One image, and what the model says about it."""

    path: Path
    grey: npt.NDArray[Any]
    levels: Levels
    answer: Outputs

    @property
    def likeliest(self) -> int:
        return int(self.answer.probabilities[0].argmax())


def explain(options: argparse.Namespace) -> int:
    """Writes an overlay and raw maps for each image; or prints localisation figures, or the sanity check."""
    checkpoint = read_checkpoint(options.checkpoint)
    if options.manifest is not None:
        return _print_localisation(checkpoint, options)
    if not options.paths:
        raise InputError("Name images or folders to explain, or a --manifest to measure on.")
    if options.sanity:
        return _print_sanity(checkpoint, options)
    if options.out is None:
        raise InputError("Name a folder for the overlays with --out.")
    return _write_overlays(checkpoint, options)


def _write_overlays(checkpoint: Checkpoint, options: argparse.Namespace) -> int:
    options.out.mkdir(parents=True, exist_ok=True)
    predictor = _predictor(checkpoint)
    for number, seen in enumerate(_seen(checkpoint, predictor, find_images(options.paths))):
        facts = _explained(checkpoint, predictor, seen, number, options)
        print(json.dumps(facts) if options.json else _sentence(facts))
    return 0


def _explained(
    checkpoint: Checkpoint, predictor: OnnxPredictor, seen: _Seen, number: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Explains one image and returns what is to be told of it. What is no brain MRI has no likeliest class."""
    refused = bool(seen.answer.not_assessable[0])
    novelty = seen.answer.novelty
    facts: dict[str, Any] = {
        "file": str(seen.path),
        "label": "not_assessable" if refused else CLASSES[seen.likeliest],
        "novelty": None if novelty is None else float(novelty[0]),
        "class": None,
        "against": options.against,
        "overlays": {},
        "agreement": None,
    }
    if refused and not options.label:
        return facts
    label = label_index(options.label) if options.label else seen.likeliest
    against = label_index(options.against) if options.against else None
    maps = _maps(checkpoint, predictor, seen, label, against, options)
    facts["class"] = CLASSES[label]
    name = f"{number:04d}-{seen.path.stem}-{CLASSES[label]}"
    name += f"-against-{options.against}" if options.against else ""
    for method, raw in maps.items():
        picture = options.out / f"{name}{'' if method == 'gradcam' else '-occlusion'}.png"
        _write(picture, _drawn(checkpoint, seen, raw))
        facts["overlays"][method] = str(picture)
    stored: dict[str, Any] = {"maps": seen.answer.maps[0], "probabilities": seen.answer.probabilities[0]}
    np.savez(options.out / f"{name}.npz", **stored | {key: maps[key] for key in maps if key != "gradcam"})
    if len(maps) == 2:
        facts["agreement"] = asdict(_agreement(maps, seen.levels))
    return facts


def _maps(
    checkpoint: Checkpoint,
    predictor: OnnxPredictor,
    seen: _Seen,
    label: int,
    against: int | None,
    options: argparse.Namespace,
) -> dict[str, Floats]:
    """Returns signed maps by method: Grad-CAM (h, w), occlusion (S, S)."""
    maps = {}
    if options.method in ("gradcam", "both"):
        maps["gradcam"] = class_map(seen.answer.maps[0], label, against)
    if options.method in ("occlusion", "both"):
        watched = watch(_logits(checkpoint, predictor), label, against)
        maps["occlusion"] = occlude(
            seen.levels, watched, patch=options.patch, stride=options.stride, fill=options.fill
        )
    return maps


def _logits(checkpoint: Checkpoint, predictor: OnnxPredictor) -> Logits:
    kernel, bias = checkpoint.head()
    return lambda batch: predictor.predict(batch).embeddings @ kernel + bias


def _agreement(maps: dict[str, Floats], levels: Levels) -> Agreement:
    return agreement(enlarge(maps["gradcam"], len(levels)), maps["occlusion"], head_area(levels))


def _drawn(checkpoint: Checkpoint, seen: _Seen, raw: Floats) -> Levels:
    bits = 8 * seen.grey.dtype.itemsize
    frame = checkpoint.preprocessing.frame(seen.grey, bits)
    shown = (
        seen.grey if bits == 8 else cv2.convertScaleAbs(seen.grey, alpha=255 / max(1, int(seen.grey.max())))
    )
    return overlay(np.asarray(shown, np.uint8), normalise(saliency(raw)), frame)


def _write(path: Path, picture: Levels) -> None:
    if not cv2.imwrite(str(path), picture[..., ::-1]):
        raise OSError(f"{path.name} cannot be written to {path.parent}.")


def _sentence(facts: dict[str, Any]) -> str:
    if facts["class"] is None:
        return (
            f"{facts['file']}: not_assessable (novelty {facts['novelty']:.2f}); name a --class to see a map."
        )
    words = "  ".join(facts["overlays"].values())
    if facts["label"] == "not_assessable":
        words += f"  not_assessable (novelty {facts['novelty']:.2f})"
    if alike := facts["agreement"]:
        figures = {
            "Spearman": alike["spearman"],
            "Pearson": alike["pearson"],
            "top tenth": alike["top_overlap"],
        }
        words += "  agreement in the head: " + ", ".join(
            f"{name} {'undefined' if value is None else format(value, '.2f')}"
            for name, value in figures.items()
        )
    return words


def _print_localisation(checkpoint: Checkpoint, options: argparse.Namespace) -> int:
    """Measures maps against the masks of a manifest's part."""
    rows, levels, masks = _masked_part(checkpoint, options)
    labels = np.array([label_index(row.label) for row in rows])
    predictor = _predictor(checkpoint)
    answers = predict_levels(predictor, levels)
    maps, scores = answers["maps"], answers["probabilities"]
    figures = localisation_figures(
        maps, scores, labels, masks, levels, [row.group or row.image for row in rows]
    )
    if options.method != "gradcam":
        right = believed_masks(labels, masks, levels)[0] & (scores.argmax(axis=1) == labels)
        some = np.flatnonzero(right)
        some = some[np.unique(np.linspace(0, len(some) - 1, min(METHOD_IMAGES, len(some))).astype(int))]
        figures["methods"] = compare_methods(
            levels[some], maps[some], labels[some], masks[some], _logits(checkpoint, predictor)
        )
    print(json.dumps(figures, indent=1) if options.json else _localisation_text(figures))
    return 0


def _masked_part(
    checkpoint: Checkpoint, options: argparse.Namespace
) -> tuple[tuple[Row, ...], Levels, npt.NDArray[np.bool_]]:
    """Reads the images of a manifest's part with their masks, both in the network's frame."""
    rows = tuple(read_manifest(options.manifest).part(options.split))
    if not rows:
        raise InputError(f"The manifest has no image in its {options.split} part.")
    root = options.root or options.manifest.parent
    greys = (read_grey(root / row.image) for row in rows)
    levels = np.stack([checkpoint.preprocessing.levels(g, 8 * g.dtype.itemsize) for g in greys])
    masks = np.zeros(levels.shape, np.bool_)
    for number, row in enumerate(rows):
        found = _mask_of(row, root, options.masks)
        framed = None if found is None else framed_mask(root / row.image, found, checkpoint.preprocessing)
        masks[number] = False if framed is None else framed
    if not masks.any():
        raise InputError("No image of this part has a mask that fits it; name their folder with --masks.")
    return rows, levels, masks


def _mask_of(row: Row, root: Path, folder: Path | None) -> Path | None:
    """Returns the mask that the manifest names, or the PNG of the image's path below a folder of masks."""
    if folder is None:
        return root / row.mask if row.mask else None
    path = (folder / row.image).with_suffix(".png")
    return path if path.exists() else None


def _localisation_text(figures: dict[str, Any]) -> str:
    words = {
        "inside": "maximum in the mask",
        "within_8px": "maximum within 8 of 224 pixels of it",
        "energy": "share of the map in the mask",
        "outside_head": "share of the map outside the head",
        "mask_share": "share of the head that the mask takes",
    }
    parts = {f"{figures['n']} tumours": figures}
    parts |= {f"{name}, {part['n']}": part for name, part in figures["per_class"].items()}
    lines = [
        f"{figures['tumours']} tumours: {figures['without_mask']} without a mask that fits, "
        f"{figures['mask_contradicted']} whose mask a copy contradicts, "
        f"{figures['named_wrongly']} named wrongly, {figures['n']} measured."
    ]
    for title, part in parts.items():
        lines.append(title)
        for name, phrase in words.items():
            if part[name] is not None:
                low, high = part.get("intervals", {}).get(name, (None, None))
                reach = "" if low is None else f"  ({low:.3f}–{high:.3f})"
                lines.append(f"  {phrase:<40}{part[name]:.3f}{reach}")
    if methods := figures.get("methods"):
        lines.append(f"Grad-CAM and occlusion on {methods['n']} of them, in the head")
        lines += [f"  {name:<40}{_defined(methods[name])}" for name in ("spearman", "pearson", "top_overlap")]
        for method in ("gradcam", "occlusion"):
            lines.append(f" {method}")
            lines += [f"  {words[name]:<40}{_defined(value)}" for name, value in methods[method].items()]
    return "\n".join(lines)


def _defined(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _print_sanity(checkpoint: Checkpoint, options: argparse.Namespace) -> int:
    """Runs the weight-randomisation check on images from all over the paths; returns 1 where it fails."""
    images = spread(find_images(options.paths), SANITY_IMAGES)
    seen = list(_seen(checkpoint, _predictor(checkpoint), images))
    labels = [label_index(options.label) if options.label else one.likeliest for one in seen]
    batch = scale(np.stack([one.levels for one in seen]))
    check = randomise_cascading(checkpoint.build_network(), batch, np.array(labels))
    if options.json:
        print(json.dumps(check.as_dict(), indent=1))
    else:
        for layer, value in zip(check.layers, check.similarity, strict=True):
            print(f"{value:6.3f}  after randomising down to {layer}")
        print(
            f"{'passed' if check.passed else 'FAILED'}: {check.as_dict()['criterion']}; {len(seen)} images."
        )
    return 0 if check.passed else 1


def _predictor(checkpoint: Checkpoint) -> OnnxPredictor:
    predictor = OnnxPredictor(checkpoint)
    verify_golden(predictor, checkpoint)
    return predictor


def _seen(checkpoint: Checkpoint, predictor: OnnxPredictor, images: Any) -> Iterator[_Seen]:
    for image in images:
        grey = read_grey(image.path)
        levels = checkpoint.preprocessing.levels(grey, 8 * grey.dtype.itemsize)
        yield _Seen(image.path, grey, levels, predictor.predict(scale(levels[np.newaxis])))
