"""What people may enter to have a webhook."""

from typing import Any
from uuid import UUID

from django import forms

from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import has_anywhere
from mriplatform.outbox.kinds import Kind
from mriplatform.outbox.models import URL_LENGTH
from mriplatform.webhooks.audience import kinds_for
from mriplatform.webhooks.selectors import collections_to_hear_of

PLATFORM = "platform"


class EndpointForm(forms.Form):
    """A new webhook. What may be heard of depends on the place; the service decides."""

    name = forms.CharField(
        label="Name", max_length=80, required=False, help_text="What it is for. Do not name a person."
    )
    url = forms.CharField(
        label="Address",
        max_length=URL_LENGTH,
        widget=forms.URLInput(attrs={"placeholder": "https://", "autocomplete": "off"}),
        help_text="Of your receiver, beginning with https://.",
    )
    place = forms.ChoiceField(label="Tells of")
    kinds = forms.MultipleChoiceField(
        label="Events",
        widget=forms.CheckboxSelectMultiple,
        help_text="Predictions, reviews and studies are of a collection; a version put in force is of the whole "
        "platform; a run is of either. Where you read, you are told of predictions when the study is final.",
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        collections = list(collections_to_hear_of(user))
        self._collections: dict[str, Collection] = {str(one.pk): one for one in collections}
        platform = has_anywhere(user, Permission.VIEW_MODELS)
        places = [(key, one.name) for key, one in self._collections.items()]
        places += [(PLATFORM, "Runs and versions of the whole platform")] * platform
        kinds = {kind for one in collections for kind in kinds_for(user, one.pk)} | set(kinds_for(user, None))
        self.fields["place"].choices = places  # type: ignore[attr-defined]  # a choice field's
        self.fields["kinds"].choices = [(kind.value, kind.label) for kind in Kind if kind in kinds]  # type: ignore[attr-defined]

    @property
    def places(self) -> bool:
        """Whether there is anything that the person could be told of."""
        return bool(self.fields["place"].choices)  # type: ignore[attr-defined]  # a choice field's

    def collection_id(self) -> UUID | None:
        """The collection that was chosen; None for the platform."""
        chosen = self._collections.get(self.cleaned_data["place"])
        return chosen.pk if chosen else None
