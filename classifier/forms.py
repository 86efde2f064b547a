"""What people enter on the machine reader's pages."""

from typing import Any

from django import forms

from classifier.intake.pseudonyms import MAX_PSEUDONYM_CHARACTERS
from classifier.models import JobStatus
from classifier.services.uploads import Grouping


class SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One or more files; their names are neither kept nor judged here."""

    widget = SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data] if data else []
        if not files:
            raise forms.ValidationError(
                "No file was sent. Choose one or more PNG or JPEG images.", code="no_file"
            )
        return list(files)


class UploadForm(forms.Form):
    """Files, how they belong together, and whose they are under a name that is no name."""

    grouping = forms.ChoiceField(
        label="These images are",
        choices=[(Grouping.ONE_STUDY.value, "one study"), (Grouping.STUDY_EACH.value, "one study each")],
        initial=Grouping.ONE_STUDY.value,
        required=False,
    )
    pseudonym = forms.CharField(
        label="Subject's pseudonym",
        required=False,
        max_length=MAX_PSEUDONYM_CHARACTERS,
        help_text=(
            "A code of your own for the subject, never a name. It is turned into a keyed hash at once and forgotten; "
            "the hash keeps a subject's images together when a model is trained and tested."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Not declared above, because a form has an attribute of this name already.
        self.fields["files"] = FilesField(label="Images")

    def clean_grouping(self) -> Grouping:
        return Grouping(self.cleaned_data["grouping"] or Grouping.ONE_STUDY)


class PurgeForm(forms.Form):
    reason = forms.CharField(
        label="Why", max_length=500, help_text="Kept in the audit for ever. Do not name the person."
    )


class AskVersionForm(forms.Form):
    version = forms.UUIDField()


class ChooseVersionForm(forms.Form):
    """Which version reads for a collection; empty follows what is in force."""

    version = forms.UUIDField(required=False)
    reason = forms.CharField(
        label="Why",
        max_length=500,
        help_text="Kept for ever. Do not name a person.",
    )


class StatusFilter(forms.Form):
    """The filters of a collection's table, as they stand in the address."""

    status = forms.ChoiceField(choices=JobStatus.choices, required=False)
    before = forms.UUIDField(required=False)
    after = forms.UUIDField(required=False)
