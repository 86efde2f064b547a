"""What people enter on the machine reader's pages."""

from typing import Any, Self

from django import forms

from classifier.exceptions import PlatformError
from classifier.intake.pseudonyms import MAX_PSEUDONYM_CHARACTERS
from classifier.models import GateRule, JobStatus
from classifier.services.archives import MAX_DATASET_CHARACTERS
from classifier.services.uploads import Grouping
from ml.gate import BOUNDS, DEFAULT_CRITERIA, Bound


def masks_in(rectangles: list[str]) -> list[tuple[int, int, int, int]]:
    """Rectangles as they are entered, four whole numbers each (left, top, width, height); empty ones do not count.

    Raises:
        PlatformError: one is something else.
    """
    masks = []
    for number, entered in enumerate((one for one in rectangles if one.strip()), start=1):
        parts = [part.strip() for part in entered.split(",")]
        if len(parts) != 4 or not all(
            part.isascii() and part.isdecimal() and len(part) < 6 for part in parts
        ):
            raise PlatformError(
                f"Rectangle {number} must be four whole numbers: left, top, width, height.",
                code="malformed_mask",
                status=400,
            )
        left, top, width, height = (int(part) for part in parts)
        masks.append((left, top, width, height))
    return masks


class SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One or more files; their names are neither kept nor judged here."""

    widget = SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data] if data else []
        if not files:
            raise forms.ValidationError(
                "No file was sent. Choose one or more PNG, JPEG or DICOM images.", code="no_file"
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


class ArchiveForm(forms.Form):
    """A ZIP of images, and what is to become of it."""

    partial = forms.BooleanField(
        label="Store the good ones even where some are bad",
        required=False,
        help_text="Otherwise one bad file keeps all of them out.",
    )
    dry_run = forms.BooleanField(
        label="Look first",
        required=False,
        help_text="Everything is checked and counted; nothing is stored until you say so.",
    )
    folder_labels = forms.BooleanField(
        label="Folders name the class",
        required=False,
        help_text="What lies in a folder such as “glioma” or “no tumour” has that label. Other folders give none.",
    )
    dataset = forms.CharField(
        label="Name of the labelled set",
        required=False,
        max_length=MAX_DATASET_CHARACTERS,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    pseudonym = forms.CharField(
        label="Subject's pseudonym",
        required=False,
        max_length=MAX_PSEUDONYM_CHARACTERS,
        help_text="Only where all images are of one subject: a code of your own, never a name. DICOM says it itself.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, labels: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"] = forms.FileField(
            label="ZIP",
            allow_empty_file=True,
            max_length=None,
            error_messages={"required": "No file was sent. Choose a ZIP."},
        )
        if not labels:
            del self.fields["folder_labels"], self.fields["dataset"]


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
    # The number of the choice that the page showed, 0 for none.
    if_sequence = forms.IntegerField(widget=forms.HiddenInput, min_value=0, required=False)


class ReasonForm(forms.Form):
    """Why something is decided."""

    reason = forms.CharField(
        label="Why",
        max_length=500,
        help_text="Kept for ever. Do not name a person.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ApproveForm(ReasonForm):
    """Why a version is put in force, and why the gate does not count, where it did not pass it."""

    override_reason = forms.CharField(
        label="Why the gate does not count here",
        max_length=500,
        required=False,
        help_text="An override. It is logged, and shown with the version for ever.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class RollBackForm(ReasonForm):
    """Why to go back, and to which version it was announced to lead."""

    version = forms.IntegerField(min_value=1, max_value=2**31 - 1)


class MomentForm(forms.Form):
    """A moment, and whose reading of it: the platform's, or a collection's."""

    at = forms.DateTimeField(required=False)
    collection = forms.UUIDField(required=False)


class PageFilter(forms.Form):
    """Where a page of a table begins, as it stands in the address."""

    before = forms.UUIDField(required=False)
    after = forms.UUIDField(required=False)


class StatusFilter(PageFilter):
    """The filters of a collection's table, as they stand in the address."""

    status = forms.ChoiceField(choices=JobStatus.choices, required=False)
    not_assessable = forms.TypedChoiceField(
        choices=[("true", "Names no class"), ("false", "Names one, or has yet to")],
        coerce="true".__eq__,
        empty_value=None,
        required=False,
    )


class GateRuleForm(forms.Form):
    """The next version of the gate's rule: what the newest says, to be changed."""

    expected = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput)
    allowed_change = forms.CharField(
        label="What may change", max_length=2000, widget=forms.Textarea(attrs={"rows": 4})
    )
    protocol = forms.CharField(
        label="Protocol",
        max_length=4000,
        help_text="How a candidate is measured.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    impact = forms.CharField(
        label="Impact",
        max_length=4000,
        help_text="What a wrong change could do, and what stands against that.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for bound in BOUNDS:
            self.fields[bound.key] = _field_of(bound)

    @classmethod
    def after(cls, rule: GateRule) -> Self:
        """The form filled with what a rule says."""
        texts = {"allowed_change": rule.allowed_change, "protocol": rule.protocol, "impact": rule.impact}
        return cls(initial={"expected": rule.number, **texts, **DEFAULT_CRITERIA, **rule.criteria})

    def texts(self) -> list[forms.BoundField]:
        return [self[name] for name in ("allowed_change", "protocol", "impact")]

    def bounds(self) -> list[forms.BoundField]:
        return [self[bound.key] for bound in BOUNDS]

    def sentence(self) -> str:
        """What is wrong with what was entered, by the names of its fields."""
        return " ".join(
            f"{self[name].label}: {' '.join(map(str, said))}" for name, said in self.errors.items()
        )

    def as_rule(self) -> dict[str, Any]:
        """What was entered, as `write_rule` takes it."""
        data = dict(self.cleaned_data)
        return {
            "criteria": {bound.key: data.pop(bound.key) for bound in BOUNDS},
            **data,
        }


def _field_of(bound: Bound) -> forms.Field:
    words: dict[str, Any] = {
        "label": bound.title,
        "help_text": f"{bound.meaning} From {bound.low:g} to {bound.high:g}.",
    }
    if bound.whole:
        return forms.IntegerField(min_value=int(bound.low), max_value=int(bound.high), **words)
    widget = forms.NumberInput(attrs={"step": "any"})
    return forms.FloatField(min_value=bound.low, max_value=bound.high, widget=widget, **words)
