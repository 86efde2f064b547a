"""Which protocol an image is read under: the one of the first word, whatever is set later."""

import pytest

from reviews.models import Reading, ReviewEvent
from reviews.selectors import governing_protocol, governing_protocols, protocol_of
from reviews.services.protocols import set_protocol
from tests.factories import analysed_image


def test_the_protocol_in_force_governs_until_something_is_said(alice, collection, image, read):
    assert governing_protocol(image).version == 1
    first = set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    assert (governing_protocol(image), governing_protocols([image.pk])) == (first, {})
    read.first(alice, image)
    second = set_protocol(actor=None, collection=collection, mode="unaided")
    other = analysed_image(collection)
    assert governing_protocols([image.pk, other.pk]) == {image.pk: first}
    assert (governing_protocol(image), governing_protocol(other)) == (first, second)


def test_the_first_word_counts_and_not_the_first_claim(alice, bob, collection, image, read):
    old = set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    claimed = read.claimed(alice, image)
    new = set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=3)
    read.first(bob, image)
    assert claimed.protocol == old
    assert governing_protocol(image) == new
    read.first(alice, image)
    assert governing_protocol(image) == new


@pytest.mark.parametrize("purpose", ["repeat", "known"])
def test_repeats_and_known_cases_govern_nothing(alice, collection, image, read, purpose):
    reading = read.first(alice, image)
    assert governing_protocols([image.pk])
    repeats = read.claimed(alice, analysed_image(collection)) if purpose == "repeat" else None
    Reading.objects.filter(pk=reading.pk).update(purpose=purpose, repeats=repeats)
    assert ReviewEvent.objects.filter(reading=reading).exists()
    assert governing_protocols([image.pk]) == {}
    assert protocol_of(collection) == governing_protocol(image)
