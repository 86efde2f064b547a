"""Which labels count, what is trained from them and when, and what a new version answers."""

from typing import Any

from django import forms

from classifier.models import ModelVersion
from classifier.services.training import NETWORKS
from reviews.forms.said import Said
from reviews.models import EligibilityPolicy
from reviews.services.eligibility import LEAST_AGREEING, MOST_AGREEING
from reviews.services.rescoring import MOST_PER_MINUTE

RECIPES = [
    ("head", "Head: the last layer alone, in seconds"),
    ("fine_tune", "Fine-tune: the whole network, from pixels"),
]
NETWORK_CHOICES = [("", "The version’s own"), *((name, name) for name in NETWORKS)]


def recipe_of(kind: str, network: str) -> dict[str, str]:
    """The recipe that a form asks for; another network only where one was chosen."""
    return {"kind": kind} | ({"network": network} if network else {})


class RetrainForm(Said):
    """From which version, by which recipe and with which seed a run learns."""

    recipe = forms.ChoiceField(
        choices=RECIPES,
        error_messages={"invalid_choice": "Choose a recipe that the page offers."},
    )  # fmt: skip
    base = forms.ModelChoiceField(
        ModelVersion.objects.none(),
        required=False,
        empty_label="What reads for this collection",
        label="Start from",
        error_messages={"invalid_choice": "Choose a version that the page offers."},
    )
    network = forms.ChoiceField(
        required=False,
        choices=NETWORK_CHOICES,
        help_text="Another one is fine-tuned from nothing that the version knows, and measured on locked images that "
        "were imported or read here alone.",
        error_messages={"invalid_choice": "Choose a network that the page offers."},
    )
    seed = forms.IntegerField(
        min_value=0,
        max_value=2**31 - 1,
        initial=0,
        error_messages={"invalid": "The seed is a whole number."},
    )

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        versions = self.fields["base"]
        if isinstance(versions, forms.ModelChoiceField):
            versions.queryset = ModelVersion.objects.defer("metadata").order_by("-number")


class PlanForm(Said):
    """When a collection is retrained by itself; an empty number is no such reason."""

    every_labels = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        label="Every so many new labels",
        error_messages={"invalid": "How many new labels: a whole number, or nothing."},
    )
    every_hours = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=8784,
        label="Every so many hours, if there is any new label",
        error_messages={"invalid": "How many hours: a whole number, or nothing."},
    )
    recipe = forms.ChoiceField(
        choices=RECIPES,
        error_messages={"invalid_choice": "Choose a recipe that the page offers."},
    )  # fmt: skip
    # The version that the page showed, 0 for none.
    if_version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, required=False)


class ShadowForm(Said):
    """Which version answers unseen, and why."""

    version = forms.UUIDField(
        error_messages={"required": "Choose a version.", "invalid": "Choose a version that the page offers."}
    )
    reason = forms.CharField(label="Why", max_length=500, error_messages={"required": "Say why."})


class RescoreForm(Said):
    """How fast a backlog is read again, and why."""

    per_minute = forms.IntegerField(
        label="Images a minute, at most",
        min_value=1,
        max_value=MOST_PER_MINUTE,
        initial=120,
        help_text=f"1 to {MOST_PER_MINUTE:,}. New images always go first.",
        error_messages={"required": "Say how many images a minute, at most."},
    )
    reason = forms.CharField(label="Why", max_length=500, error_messages={"required": "Say why."})


class PolicyForm(Said):
    """Which labels a label set takes, with the version that it was seen at."""

    rule = forms.ChoiceField(
        label="A label counts", choices=EligibilityPolicy.Rule.choices, widget=forms.RadioSelect,
        help_text="An adjudicator’s decision counts under every rule, and so does an imported label of an image that "
        "nobody has read here.",
        error_messages={"required": "Choose a rule.", "invalid_choice": "Choose a rule that the page offers."},
    )  # fmt: skip
    agreeing_reads = forms.IntegerField(
        label="Agreeing blinded reads", min_value=LEAST_AGREEING, max_value=MOST_AGREEING,
        help_text=f"{LEAST_AGREEING} to {MOST_AGREEING} readers who said the same before they saw the model’s answer, "
        "and more than half of those asked. Counts with that rule alone.",
        error_messages={"required": f"{LEAST_AGREEING} to {MOST_AGREEING} reads can be asked to agree."},
    )  # fmt: skip
    seen = forms.ChoiceField(
        label="Said only after the model’s answer was seen", choices=EligibilityPolicy.Seen.choices,
        help_text="A reader who says after the answer what they had said before it counts as blinded.",
        error_messages={"invalid_choice": "Choose what the page offers."},
    )  # fmt: skip
    seen_weight = forms.FloatField(
        label="Their weight", min_value=0.01, max_value=1,
        help_text="From 0.01 to 1, where they are taken with less weight.",
        error_messages={"required": "The weight is a number above 0, 1 at most."},
    )  # fmt: skip
    if_version = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
