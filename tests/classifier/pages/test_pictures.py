"""What a plain `<img>` gets: 16 bits as a screen shows them, from the same address, for the same people."""

import cv2
import numpy as np
import pytest
from django.urls import reverse

from classifier.models import Image, QuarantinedImage
from classifier.services.uploads import Grouping, UploadedPart, receive_upload
from tests.classifier.doors import House, build_house
from tests.classifier.intake.dicom_files import as_file, mr


@pytest.fixture
def house(db) -> House:
    return build_house()


def send(house: House, **changes) -> None:
    image = as_file(mr(501, WindowCenter="1000.5", WindowWidth="1001", **changes))
    receive_upload(
        actor=house.image.study.uploaded_by, collection=house.collection,
        files=[UploadedPart(image, "1.dcm")], grouping=Grouping.ONE_STUDY,
    )  # fmt: skip


def levels(response) -> np.ndarray:
    assert response.status_code == 200
    return cv2.imdecode(np.frombuffer(response.content, np.uint8), cv2.IMREAD_UNCHANGED)


def test_an_image_of_twelve_bits(house: House) -> None:
    send(house)
    image = Image.objects.get(bits=16)
    address = reverse("image-pixels", args=[image.pk])
    client = house.client("alice")
    assert (
        f'<img src="{address}?shown=1"'
        in client.get(reverse("study", args=[image.study_id])).content.decode()
    )
    shown, stored = client.get(f"{address}?shown=1"), client.get(address)
    assert levels(stored).dtype == np.uint16
    assert shown["ETag"] != stored["ETag"]
    expected = np.clip((levels(stored).astype(float) - 500) / 1000, 0, 1) * 255
    assert np.abs(levels(shown) - expected).max() <= 0.51
    again = client.get(f"{address}?shown=1", headers={"If-None-Match": shown["ETag"]})
    assert again.status_code == 304
    assert house.client("charlie").get(f"{address}?shown=1").status_code == 404
    assert client.get(f"{address}?window=1").status_code == 400


def test_an_image_of_eight_bits_is_itself(house: House) -> None:
    address = reverse("image-pixels", args=[house.image.pk])
    client = house.client("alice")
    page = client.get(reverse("study", args=[house.study.pk])).content.decode()
    assert f'<img src="{address}"' in page
    assert np.array_equal(levels(client.get(f"{address}?shown=1")), levels(client.get(address)))


def test_a_quarantined_image(house: House) -> None:
    send(house, BurnedInAnnotation="YES")
    waiting = QuarantinedImage.objects.get()
    address = reverse("quarantined-pixels", args=[waiting.pk])
    reviewer = house.client("ann")
    page = reviewer.get(reverse("quarantined", args=[waiting.pk])).content.decode()
    assert f'src="{address}?shown=1"' in page
    shown = reviewer.get(f"{address}?shown=1")
    assert levels(shown).dtype == np.uint8
    assert shown["Cache-Control"] == "private, no-store"
