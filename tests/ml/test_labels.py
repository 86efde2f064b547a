import pytest

from ml.labels import CLASSES, DISPLAY_NAMES, LabelError, canonical_label, label_index


def test_order_is_the_shared_one() -> None:
    assert CLASSES == ("glioma", "meningioma", "notumor", "pituitary")
    assert tuple(DISPLAY_NAMES) == CLASSES


@pytest.mark.parametrize(
    ("spelling", "label"),
    [("Glioma", "glioma"), ("glioma_tumor", "glioma"), ("No Tumor", "notumor"), ("no_tumor", "notumor"),
     ("pituitary tumour", "pituitary"), (" meningioma ", "meningioma")],
)  # fmt: skip
def test_spellings(spelling: str, label: str) -> None:
    assert canonical_label(spelling) == label
    assert CLASSES[label_index(spelling)] == label


def test_unknown_label_names_the_known_ones() -> None:
    with pytest.raises(LabelError, match="'astrocytoma' is not known; expected one of glioma"):
        canonical_label("astrocytoma")
