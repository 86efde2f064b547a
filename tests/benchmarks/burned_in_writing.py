"""Real slices with names and dates written into them, in fonts, sizes, places and brightness drawn by a seed.

What the detector was tuned on and what it is measured with have nothing in common: other fonts, other names, and
images of other folds (no subject and no near-duplicate, mirrored ones included, is in both).
"""

from __future__ import annotations

import csv
import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Levels = npt.NDArray[np.uint8]
Pen = Callable[[str], Levels]
SIZES = range(8, 25)
LEAST_CONTRAST = 60
"""Of 255 levels, between the letters and what is under them: what a person can read."""
DEBIAN = Path("/usr/share/fonts/truetype/liberation")
OURS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@dataclass(frozen=True)
class Part:
    """One of two parts that share nothing: folds of images, fonts, names."""

    folds: Sequence[str]
    fonts: Sequence[str]
    surnames: Sequence[str]
    first_names: Sequence[str]


TUNING = Part(
    folds="123",
    fonts=[
        "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "DejaVuSerif.ttf", "DejaVuSans-Oblique.ttf",
        "DejaVuSerif-Italic.ttf", "DejaVuSansMono-Bold.ttf", "hershey 0", "pillow",
    ],
    surnames=[
        "DOE",
        "SMITH",
        "JOHNSON",
        "KOWALSKI",
        "GARCIA",
        "MUELLER",
        "ROSSI",
        "IVANOVA",
        "Brown",
        "Meyer",
        "Novak",
        "Larsen",
        "Yilmaz",
        "Singh",
    ],
    first_names=[
        "JANE", "JOHN", "ANNA", "PETER", "MARIA", "Eva", "Tom", "Nina", "Omar", "Ruth",
    ],
)  # fmt: skip
# Hershey 1: plain, 2: duplex, 3: complex, 4: triplex.
TEST = Part(
    folds="45",
    fonts=[
        "LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf", "LiberationSansNarrow-Regular.ttf",
        "LiberationSerif-Regular.ttf", "LiberationMono-Regular.ttf", "STIXGeneral.ttf", "STIXGeneralBol.ttf",
        "cmr10.ttf", "cmss10.ttf", "cmtt10.ttf", "hershey 1", "hershey 2", "hershey 3", "hershey 4",
    ],
    surnames=[
        "WALKER", "CHUKWU", "PETROV", "LINDQVIST", "MORALES", "TAKAHASHI", "FISCHER", "Dupont", "Jansen",
        "Costa", "Wright", "Horvat", "Yamada", "Reid",
    ],
    first_names=[
        "EMMA", "KARL", "LUCY", "IGOR", "CHLOE", "Hugo", "Mia", "Ali", "Zoe", "Bruno",
    ],
)  # fmt: skip
PARTS = {"tuning": TUNING, "test": TEST}


@dataclass(frozen=True)
class Slice:
    """A real image with or without writing; `box` is where it stands (left, top, width, height)."""

    file: str
    pixels: npt.NDArray[Any] = field(repr=False)
    text: str = ""
    font: str = ""
    size: int = 0
    box: tuple[int, int, int, int] | None = None
    over_head: bool = False
    upright: bool = False


def backgrounds(data: Path, part: Part, count: int, seed: int) -> list[Path]:
    """Returns real images, a third of each public set as far as there are, no two of one group of duplicates."""
    chosen: list[Path] = []
    sets = ("nickparvar", "roboflow2443", "brisc_notumor")
    groups: set[str] = set()
    for number, name in enumerate(sets):
        with (data / name / "manifest.csv").open(encoding="utf-8") as lines:
            rows = [row for row in csv.DictReader(lines) if _fold(row) in part.folds]
        rows.sort(key=lambda row: hashlib.sha256(f"{seed}:{row['file']}".encode()).digest())
        wanted = count * (number + 1) // len(sets)
        for row in rows:
            path, group = data / name / row["file"], row.get("mirror_group") or row["phash"]
            if len(chosen) < wanted and group not in groups and path.is_file():
                groups.add(group)
                chosen.append(path)
    return sorted(chosen, key=lambda path: hashlib.sha256(f"{seed}:{path.name}".encode()).digest())


def _fold(row: dict[str, str]) -> str:
    return row.get("leakfree_fold") or str(1 + int(hashlib.sha256(row["phash"].encode()).hexdigest(), 16) % 5)


def load(path: Path, random_: random.Random) -> Levels:
    """Returns a background; one in three enlarged to 512 or 640 pixels, the size at which most scanners send."""
    grey = np.asarray(Image.open(path).convert("L"))
    if random_.random() < 1 / 3:
        factor = random_.choice((512, 640)) / max(grey.shape)
        grey = np.asarray(
            cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8
        )
    return grey


def finish(pixels: Levels, random_: random.Random) -> npt.NDArray[Any]:
    """Returns the pixels as they may arrive: one in four as 12 of 16 bit, one in four after a JPEG."""
    how = random_.random()
    if how < 0.25:
        return pixels.astype(np.uint16) * 16
    if how < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, random_.randint(80, 95)]
        return np.asarray(
            cv2.imdecode(cv2.imencode(".jpg", pixels, quality)[1], cv2.IMREAD_GRAYSCALE), np.uint8
        )
    return pixels


def write(file: str, pixels: Levels, part: Part, random_: random.Random) -> Slice:
    """Returns the image with one line written into it."""
    size, font = random_.choice(SIZES), random_.choice(part.fonts)
    draw, upright = pen(font, size), random_.random() < 0.1
    room = pixels.shape[0 if upright else 1] - 4
    text, mask = next(
        drawn
        for drawn in ((text, draw(text)) for text in phrases(part, random_))
        if drawn[1].shape[1] <= room
    )
    mask = np.rot90(mask) if upright else mask
    height, width = mask.shape
    left = place(random_, pixels.shape[1] - width)
    top = place(random_, pixels.shape[0] - height)
    ground = pixels[top : top + height, left : left + width]
    under = float(ground[mask > 127].mean()) if (mask > 127).any() else float(ground.mean())
    level = _level(random_, under)
    opacity = mask / 255
    image = pixels.copy()
    image[top : top + height, left : left + width] = np.rint(ground * (1 - opacity) + level * opacity)
    box = (left, top, width, height)
    return Slice(file, finish(image, random_), text, font, size, box, under >= 25, upright)


def phrases(part: Part, random_: random.Random) -> Iterator[str]:
    """Names and dates in the ways in which devices write them, shorter and shorter ones until one fits."""
    surname, first = random_.choice(part.surnames), random_.choice(part.first_names)
    year, month, day = random_.randint(1925, 2019), random_.randint(1, 12), random_.randint(1, 28)
    ways = [
        f"{surname}^{first}", f"{surname}, {first}", f"{first} {surname}", f"{first[0]}. {surname}", surname,
        f"{surname} {year}", f"{year}-{month:02}-{day:02}", f"{day:02}.{month:02}.{year}",
        f"{month:02}/{day:02}/{year}", f"*{day:02}.{month:02}.{year}", f"{year}{month:02}{day:02}",
    ]  # fmt: skip
    yield random_.choice(ways)
    yield from random_.sample(ways, len(ways))
    yield from (first, str(year))


def place(random_: random.Random, room: int) -> int:
    """Returns where something begins that leaves so much room: half of the time beside an edge."""
    if random_.random() < 0.5:
        return random_.choice((min(3, room), max(0, room - 3)))
    return random_.randint(0, room)


def _level(random_: random.Random, under: float) -> int:
    while True:
        level = random_.randint(0, 255)
        if abs(level - under) >= LEAST_CONTRAST:
            return level


def pen(font: str, size: int) -> Pen:
    """Returns what writes a line in a font, as a mask of 0 to 255."""
    if font.startswith("hershey"):
        return _hershey(int(font.split()[1]), size)
    folder = DEBIAN if font.startswith("Liberation") else OURS
    face = ImageFont.load_default(size) if font == "pillow" else ImageFont.truetype(folder / font, size)

    def draw(text: str) -> Levels:
        left, top, right, bottom = (int(side) for side in face.getbbox(text))
        image = Image.new("L", (right - left + 2, bottom - top + 2))
        ImageDraw.Draw(image).text((1 - left, 1 - top), text, 255, font=face)
        return np.asarray(image)

    return draw


def _hershey(face: int, size: int) -> Pen:
    # A font's size is that of its line; capitals are about 0.72 of it.
    scale = cv2.getFontScaleFromHeight(face, max(5, round(0.72 * size)), 1)

    def draw(text: str) -> Levels:
        (width, height), below = cv2.getTextSize(text, face, scale, 1)
        image = np.zeros((height + below + 4, width + 4), np.uint8)
        cv2.putText(image, text, (2, height + 2), face, scale, 255, 1, cv2.LINE_AA)
        return image

    return draw
