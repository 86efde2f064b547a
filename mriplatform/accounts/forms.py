"""What people may enter about their own account."""

from django import forms

from mriplatform.accounts.models import ApiToken
from mriplatform.accounts.scopes import CHOICES

DAYS = [(7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "a year")]


class TokenForm(forms.ModelForm[ApiToken]):
    """The name, the scopes and the life of a new token."""

    scopes = forms.MultipleChoiceField(
        label="May",
        choices=CHOICES,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="Of what you may yourself. Choose none, and it may do all of it.",
    )
    days = forms.TypedChoiceField(label="Works for", choices=DAYS, initial=90, coerce=int)

    class Meta:
        model = ApiToken
        fields = ["name"]
        labels = {"name": "Name"}
        help_texts = {"name": "What it is for, so that you know it again when you revoke it."}

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they came
        self.fields["name"].required = True
