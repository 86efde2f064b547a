"""How a collection is read, and by which cases its readers are measured."""

from django import forms

from reviews.forms.reading import ANSWERS
from reviews.forms.said import Said
from reviews.models import ReadingProtocol
from reviews.services.protocols import HIGHEST_RATE, LEAST_RANDOM, MAX_READERS


class ProtocolForm(Said):
    """The rules that a collection is read by, with the version that they were seen at."""

    mode = forms.ChoiceField(
        label="Mode", choices=ReadingProtocol.Mode.choices, widget=forms.RadioSelect,
        error_messages={"required": "Choose a mode.", "invalid_choice": "Choose a mode that the page offers."},
    )  # fmt: skip
    readers_per_image = forms.IntegerField(
        label="Readers per image", min_value=1, max_value=MAX_READERS,
        error_messages={"required": f"An image has 1 to {MAX_READERS} readers."},
    )  # fmt: skip
    adjudication_rule = forms.ChoiceField(
        label="Where the readers differ", choices=ReadingProtocol.AdjudicationRule.choices,
        help_text="What no rule settles waits for an adjudicator, who has not read the image.",
    )  # fmt: skip
    order = forms.ChoiceField(
        label="Order", choices=ReadingProtocol.Order.choices,
        help_text="Any order but that of arrival tells something of the model’s answer: for the assisted mode alone.",
    )  # fmt: skip
    random_share = forms.FloatField(
        label="Random share", min_value=LEAST_RANDOM, max_value=1,
        help_text="Of the images, from 0.05 to 1. They come in random order whatever the model says; on these alone "
        "its live accuracy is measured. Counts where the order is not that of arrival.",
    )  # fmt: skip
    repeat_rate = forms.FloatField(
        label="Hidden repeats", min_value=0, max_value=HIGHEST_RATE,
        help_text="Share of a reader’s claims, from 0 to 0.3, that show an image of theirs again. Nothing tells them "
        "which; these readings count for no label.",
    )  # fmt: skip
    known_rate = forms.FloatField(
        label="Known cases", min_value=0, max_value=HIGHEST_RATE,
        help_text="Share of a reader’s claims, from 0 to 0.3, that show a case whose label is known.",
    )  # fmt: skip
    if_version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


class KnownCaseForm(Said):
    image = forms.UUIDField(
        label="Image",
        help_text="Its identifier, from the API or the address of its page.",
        error_messages={"required": "Name the image.", "invalid": "The image’s identifier is no UUID."},
    )
    label = forms.ChoiceField(
        label="Known as", choices=ANSWERS, error_messages={"required": "Choose what it is known as."}
    )
    source = forms.CharField(
        label="Known from",
        max_length=300,
        help_text="Histology, follow-up, a published set.",
        error_messages={"required": "Say where that is known from."},
    )


class TakeBackForm(Said):
    reason = forms.CharField(max_length=300, error_messages={"required": "Say why it is taken back."})
