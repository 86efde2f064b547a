"""Content decides; a name is only held against it."""

import time

import pytest

from classifier.intake import IntakeRefused
from classifier.intake.sniffing import require_accepted, sniff
from tests.classifier.intake.cases import REFUSED, encode, jpeg, picture


def test_an_svg_is_called_so_under_every_preamble() -> None:
    for head in (
        b"",
        b"\xef\xbb\xbf  ",
        b"<?xml version='1.0'?>\n",
        b"<!DOCTYPE svg PUBLIC '-//W3C'>",
        b"<!-- <p> -->",
    ):
        assert sniff(head + b"<svg width='1'></svg>").name == "SVG"
        assert sniff(head + b"<x:svg xmlns:x='s'></x:svg>").name == "SVG"


def test_text_with_a_less_sign_is_text() -> None:
    assert sniff(b"< 3 lesions, see report").name == "text"
    assert sniff("Größe: 3 mm ".encode() * 400).name == "text"


def test_html_without_doctype() -> None:
    assert sniff(b"<script>1</script>").name == "HTML"
    assert sniff(b"<note><to>A</to></note>").name == "XML"


@pytest.mark.parametrize(
    "filename", [None, "", "x", "x.png", "x.PNG", "x.", ".png", "x.pdf", "x.png\0.jpg", "ｘ．ｐｎｇ"]
)
def test_names_that_do_not_contradict(filename: str | None) -> None:
    assert require_accepted(encode(picture()), filename).name == "PNG"


@pytest.mark.parametrize(
    "filename", ["x.jpg", "x.png.JPEG", "x.ｊｐｇ", "x.jpg ", "../x.jfif", "x\u202egnp.jpg"]
)
def test_names_that_do(filename: str) -> None:
    with pytest.raises(IntakeRefused, match=r"The file says JPEG but contains PNG\."):
        require_accepted(encode(picture()), filename)


def test_every_wrong_type_names_what_is_accepted() -> None:
    for case in REFUSED:
        if case.code == "wrong_type":
            with pytest.raises(IntakeRefused, match="accepted are PNG, JPEG and DICOM images"):
                require_accepted(case.make(), None)


def test_markup_cannot_make_the_sniffer_slow() -> None:
    began = time.process_time()
    for piece in (b"<!---->", b"<?xml?>", b"<!DOCTYPE[", b"<a", b" ", b"%PDF", jpeg()[1:3]):
        sniff((b"<" + piece) * 4096)
        sniff(piece * 4096)
    assert time.process_time() - began < 10
