"""The images beside the one being read, as the viewer takes them."""

from typing import Any

from django.urls import reverse

from classifier.models import Image
from reviews.models import Reading
from reviews.selectors.beside import earlier_studies, images_of_study


def present_beside(reading: Reading) -> dict[str, Any]:
    """`slices` and `position` of the image's study, and `earlier`, the subject's studies before it, with theirs."""
    images = images_of_study(reading)
    places = [image.pk for image in images]
    return {
        "slices": _slices(images, reading.image),
        "images_in_study": max(1, len(images)),
        "position": places.index(reading.image_id) + 1 if reading.image_id in places else 1,
        "earlier": [
            {"study": study, "element": f"earlier-{study.pk.hex}", "slices": _slices(study.images.all())}
            for study in earlier_studies(reading)
        ],
    }


def present_image(image: Image) -> dict[str, Any]:
    """One image as the viewer takes it: where its pixels are, and the window it was stored with."""
    return {
        "src": reverse("image-pixels", args=[image.pk]),
        "center": image.window_centre,
        "width": image.window_width,
    }


def _slices(images: Any, current: Image | None = None) -> list[dict[str, Any]]:
    return [
        present_image(image) | {"index": index, "current": image == current}
        for index, image in enumerate(images, start=1)
    ]
