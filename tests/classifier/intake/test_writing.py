"""Writing in the pixels: found where it could name somebody, and not where nothing is written."""

import multiprocessing
import subprocess
import sys
from typing import Any

import cv2
import numpy as np
import pytest

from classifier.intake.writing import find_writing
from mriplatform.demo.slices import sample_studies
from tests.pictures import drawn_slice

NAME = "DOE^JANE 12.03.1956"


@pytest.fixture(scope="module")
def slice_() -> np.ndarray:
    return drawn_slice("notumor", "axial", 1)


def written(pixels: np.ndarray, text: str, at: tuple[int, int], *, level: int = 230, scale: float = 0.4):
    image = pixels.copy()
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_DUPLEX, scale, level, 1, cv2.LINE_AA)
    return image


def covers(boxes: list[tuple[int, int, int, int]], point: tuple[int, int]) -> bool:
    return any(x <= point[0] < x + w and y <= point[1] < y + h for x, y, w, h in boxes)


def test_a_name_in_a_corner_is_found_where_it_stands(slice_: np.ndarray) -> None:
    boxes = find_writing(written(slice_, NAME, (6, 16)))
    assert covers(boxes, (60, 12))
    assert all(y + h < 40 for _, y, _, h in boxes)


def test_a_name_across_the_head_is_found(slice_: np.ndarray) -> None:
    assert covers(find_writing(written(slice_, NAME, (110, 200), level=255)), (150, 196))


def test_a_name_in_sixteen_bit_is_found_whatever_part_of_them_is_used(slice_: np.ndarray) -> None:
    for factor in (4, 250):
        deep = written(slice_, NAME, (6, 16)).astype(np.uint16) * factor
        assert covers(find_writing(deep), (60, 12))


def test_writing_that_stands_upright_is_found(slice_: np.ndarray) -> None:
    assert find_writing(np.ascontiguousarray(np.rot90(written(slice_, NAME, (6, 16)))))


def test_small_letters_in_a_large_image_are_found(slice_: np.ndarray) -> None:
    large = cv2.resize(slice_, (1024, 1024), interpolation=cv2.INTER_CUBIC)
    assert covers(find_writing(written(large, NAME, (800, 1010), scale=0.3)), (830, 1006))


@pytest.mark.parametrize("mark", ["L", "R", "A", "RPH", "5cm"])
def test_what_marks_a_side_or_a_scale_names_nobody(slice_: np.ndarray, mark: str) -> None:
    assert find_writing(written(slice_, mark, (6, 190), scale=0.6)) == []


def test_the_demos_own_samples_hold_no_writing() -> None:
    for _, _, pixels in sample_studies(2026):
        assert find_writing(pixels) == []


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_image_holds_no_writing(level: int) -> None:
    assert find_writing(np.full((64, 48), level, np.uint8)) == []


def test_boxes_lie_within_the_image_and_apart() -> None:
    page = np.full((200, 300), 255, np.uint8)
    for line in range(10):
        cv2.putText(page, NAME, (-5, 12 + 20 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 0, 1)
    boxes = find_writing(page)
    assert boxes
    assert all(x >= 0 and y >= 0 and w > 0 and h > 0 for x, y, w, h in boxes)
    assert all(x + w <= 300 and y + h <= 200 for x, y, w, h in boxes)


def test_the_fork_server_loads_the_networks_and_no_second_runtime() -> None:
    code = (
        "import sys, classifier.intake.writing.preload; "
        "loaded = {'rapidocr', 'onnxruntime', 'onnx', 'tensorflow', 'keras', 'django.db'} & set(sys.modules); "
        "sys.exit(f'loaded: {loaded}' if loaded else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def _look(connection: Any) -> None:
    image = np.zeros((256, 256), np.uint8)
    cv2.putText(image, NAME, (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1)
    connection.send(len(find_writing(image)))


def test_a_child_forked_from_who_loaded_them_uses_them() -> None:
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    child = context.Process(target=_look, args=(theirs,))
    child.start()
    assert ours.poll(60)
    assert ours.recv() >= 1
    child.join()
