"""How well writing in the pixels is found: 400 real slices, into half of which a name or a date is written.

`python -m tests.benchmarks.burned_in_text --data DIR [--part test|tuning] [--check] [--flagged DIR]`. DIR holds the
public sets (never in the repository). Prints recall and false alarms with Wilson's 95 % intervals, also by font size,
font and place. --check fails below a recall of 0.95 or above 0.05 false alarms. --flagged writes the untouched images
that were flagged as PNGs: look at them, and name those that truly hold writing in WRITTEN, with what they say; these
are counted apart.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from classifier.intake.writing import find_writing
from classifier.intake.writing.networks import load as load_networks
from reviews.figures.estimates import wilson
from tests.benchmarks.burned_in_writing import PARTS, Slice, backgrounds, finish, load, write

SEED = 603
EACH = 200
RECALL, FALSE_ALARMS = 0.95, 0.05
# Real images of all that were flagged, looked at, and do hold writing: what is found there is no false alarm.
_SAYS = {
    "settings of window and slice, upside down": ["nickparvar/Training/notumor/Tr-no_1371.jpg"],
    "the end of a name and of a time, in the corner; CONT": ["nickparvar/Training/meningioma/Tr-me_0588.jpg"],
    "DOB, Sex, and settings of the sequence; mirrored": [
        f"nickparvar/Training/notumor/Tr-no_{number}.jpg" for number in ("0612", "1474", "1492")
    ],
    "numbers in two corners": ["nickparvar/Training/notumor/Tr-no_0990.jpg"],
    "SCIENCEphotoLIBRARY across the head; mirrored": [
        *(f"nickparvar/Training/notumor/Tr-no_{number}.jpg" for number in ("0478", "0516", "0894")),
        *(f"nickparvar/Testing/notumor/Te-no_{number}.jpg" for number in ("0106", "0198", "0322", "0332")),
        "roboflow2443/Train/No Tumor/Tr-no_0478_jpg.rf.88f9f9969749f713f2ebfb033cfb51b4.jpg",
        "roboflow2443/Train/No Tumor/Tr-no_0516_jpg.rf.c8aebb995b18279f8680ca6c54f3ad80.jpg",
    ],
    "AboutKidsHealth.ca along the edge; mirrored or upside down": [
        *(f"nickparvar/Training/notumor/Tr-no_{number}.jpg" for number in ("0398", "0538", "0893", "1372")),
        "nickparvar/Testing/notumor/Te-no_0321.jpg",
        "roboflow2443/Train/No Tumor/Tr-no_0398_jpg.rf.68a917b33dea44d0da473f7f799b169d.jpg",
    ],
    "Medscape, www.medscape.com along the edge; upside down": [
        *(f"nickparvar/Training/notumor/Tr-no_{number}.jpg" for number in ("0883", "1361")),
        "roboflow2443/Train/No Tumor/Tr-no_0528_jpg.rf.eb288420effe0723357c46ba0b1a27e4.jpg",
    ],
}
WRITTEN = {file: says for says, files in _SAYS.items() for file in files}
_BANDS = ("08 to 11 px", "12 to 15 px", "16 to 19 px", "20 to 24 px")
Found = tuple[Slice, bool, list[tuple[int, int, int, int]], float]
"""What was looked at, whether it was found, where, and in how many milliseconds of a processor."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--part", choices=PARTS, default="test")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--each", type=int, default=EACH)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--flagged", type=Path)
    options = parser.parse_args()
    load_networks()
    found = _look_at(_slices(options), options.flagged)
    written = [one for one in found if one[0].box]
    untouched = [one for one in found if not one[0].box and one[0].file not in WRITTEN]
    print(f"{len(written)} with writing, {len(untouched)} untouched.\n")
    print("| what | found | share | 95 % (Wilson) |\n|---|---|---|---|")
    recall = _row("recall", written)
    for title, key in _WAYS.items():
        for value in sorted({key(one[0]) for one in written}):
            _row(f"{title} {value}", [one for one in written if key(one[0]) == value])
    alarms = _row("false alarms", untouched)
    print("\n| milliseconds of a processor | images | p50 | p95 | mean |\n|---|---|---|---|---|")
    large = [one for one in untouched if max(one[0].pixels.shape) >= 512]
    _print_times("untouched, under 512 px", [one for one in untouched if max(one[0].pixels.shape) < 512])
    _print_times("untouched, 512 px and more", large)
    _print_times("with writing", written)
    _list("Missed", [one for one in written if not one[1]])
    _list("Flagged", [one for one in untouched if one[1]])
    print(f"\nReal images that hold writing of their own: {_real(options.data)} of {len(WRITTEN)} found.")
    fakes = sorted(options.data.glob("ood/burnedin_*"))
    print(f"Slices of ood/ with made-up names burned in: {sum(map(_flagged, fakes))} of {len(fakes)} found.")
    if options.check and (recall < RECALL or alarms > FALSE_ALARMS):
        sys.exit(f"Expected a recall of {RECALL} and at most {FALSE_ALARMS} false alarms.")


_WAYS: dict[str, Callable[[Slice], str]] = {
    "letters of": lambda one: _BANDS[min(3, (one.size - 8) // 4)],
    "written": lambda one: "across the head" if one.over_head else "on the dark ground",
    "image": lambda one: "512 px and more" if max(one.pixels.shape) >= 512 else "under 512 px",
    "line": lambda one: "upright" if one.upright else "level",
    "pixels of": lambda one: "16 bit" if one.pixels.dtype.itemsize == 2 else "8 bit",
    "font": lambda one: one.font,
}


def _slices(options: argparse.Namespace) -> list[Slice]:
    part, draw = PARTS[options.part], random.Random(options.seed)
    paths = backgrounds(options.data, part, 2 * options.each, options.seed)
    slices = []
    for number, path in enumerate(paths):
        file, pixels = str(path.relative_to(options.data)), load(path, draw)
        untouched = number % 2
        slices.append(Slice(file, finish(pixels, draw)) if untouched else write(file, pixels, part, draw))
    return slices


def _look_at(slices: Sequence[Slice], folder: Path | None) -> list[Found]:
    found: list[Found] = []
    for one in slices:
        started = time.process_time()
        boxes = find_writing(one.pixels)
        took = 1000 * (time.process_time() - started)
        # Found is only what is found where it stands.
        hit = any(_meets(box, one.box) for box in boxes) if one.box else bool(boxes)
        found.append((one, hit, boxes, took))
        if folder and boxes and not one.box:
            folder.mkdir(parents=True, exist_ok=True)
            eight = one.pixels if one.pixels.dtype.itemsize == 1 else one.pixels // 16
            cv2.imwrite(str(folder / f"{Path(one.file).stem}.png"), eight)
    return found


def _print_times(title: str, found: Sequence[Found]) -> None:
    times = [one[3] for one in found]
    p50, p95 = np.percentile(times, (50, 95))
    print(f"| {title} | {len(times)} | {p50:.0f} | {p95:.0f} | {np.mean(times):.0f} |")


def _meets(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    return all(
        one[axis] < other[axis] + other[axis + 2] and other[axis] < one[axis] + one[axis + 2]
        for axis in (0, 1)
    )


def _row(title: str, found: Sequence[Found]) -> float:
    hits, count = sum(one[1] for one in found), len(found)
    low, high = wilson(hits, count)
    print(f"| {title} | {hits} of {count} | {hits / count:.3f} | {low:.3f} to {high:.3f} |")
    return hits / count


def _list(title: str, found: Sequence[Found]) -> None:
    for one, _, boxes, _ in found:
        about = f"{one.text!r}, {one.font}, {one.size} px, {one.box}" if one.box else f"{boxes}"
        print(f"{title}: {one.file} {one.pixels.shape}: {about}", file=sys.stderr)


def _real(data: Path) -> int:
    return sum(_flagged(data / file) for file in WRITTEN)


def _flagged(file: Path) -> bool:
    return bool(find_writing(np.asarray(Image.open(file).convert("L"))))


if __name__ == "__main__":
    main()
