"""The shapes that the human reader's endpoints take and give."""

from typing import Any

from rest_framework import serializers

from ml.labels import CLASSES
from mriplatform.api.serializers import StrictSerializer
from reviews.api.own_trace import OwnTraceSerializer
from reviews.models import Location, ReadingProtocol, Reason, ReviewEvent, WithdrawalReason
from reviews.selectors import Step
from reviews.services.findings import SHAPES

# What a reader can say that an image shows.
READ_LABELS = (*CLASSES, ReviewEvent.Verdict.NOT_ASSESSABLE.value)
NOTE_CHARACTERS = 2000


class ReadingQuerySerializer(StrictSerializer):
    collection = serializers.UUIDField(required=False)


class ClaimSerializer(StrictSerializer):
    collection = serializers.UUIDField(help_text="Where to read.")
    image = serializers.UUIDField(
        required=False,
        help_text="This one, instead of what is next. Your own reading of it where there is one.",
    )
    not_assessable = serializers.BooleanField(
        required=False,
        default=False,
        help_text=(
            "From the list of images that the model gave no class, instead of the worklist. There is one only where "
            "the protocol is `assisted`; elsewhere 409."
        ),
    )


class RegionSerializer(StrictSerializer):
    """Where the finding lies, in shares of the image's width and height."""

    shape = serializers.ChoiceField(choices=SHAPES)
    x = serializers.FloatField(min_value=0, max_value=1, help_text="The centre, from the left.")
    y = serializers.FloatField(min_value=0, max_value=1, help_text="The centre, from the top.")
    width = serializers.FloatField(
        min_value=0, max_value=1, required=False, help_text="Of a box or an ellipse; a point has none."
    )
    height = serializers.FloatField(min_value=0, max_value=1, required=False)


class TimedSerializer(StrictSerializer):
    active_ms = serializers.IntegerField(
        min_value=0,
        required=False,
        allow_null=True,
        help_text=(
            "How long the reader worked on this step, in milliseconds, idle time left out. What exceeds the time "
            "since the event before, or since the claim, is cut off. Null where nobody measured it."
        ),
    )


class FindingsSerializer(TimedSerializer):
    """What may go with everything that is said of an image."""

    image_quality = serializers.ChoiceField(
        choices=ReviewEvent.Quality.choices,
        required=False,
        allow_blank=True,
        help_text="With the first read; in an assisted reading, which has none, with the verdict.",
    )
    location = serializers.ChoiceField(
        choices=Location.choices, required=False, allow_blank=True, help_text="Where in the brain it lies."
    )
    region = RegionSerializer(required=False, allow_null=True)


class RevealSerializer(TimedSerializer):
    """When and how long is all there is to say."""


class FirstReadSerializer(FindingsSerializer):
    label = serializers.ChoiceField(choices=READ_LABELS)  # type: ignore[assignment]  # no attribute
    confidence = serializers.ChoiceField(
        choices=ReviewEvent.Confidence.choices,
        required=False,
        allow_null=True,
        help_text="1 unsure, 2 fairly sure, 3 sure; needed with a class.",
    )


class RangeFirstReadSerializer(FirstReadSerializer):
    first = serializers.UUIDField(help_text="The first image of the range, of the same study.")
    last = serializers.UUIDField(help_text="The last one, itself included.")
    of = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        help_text=(
            "How many images of the study you could see when you chose. Say it: a DICOM study grows as long as it is "
            "open, and a range may have one more between its ends than you saw; then this is 409."
        ),
    )


class ReviewVerdictSerializer(FindingsSerializer):
    verdict = serializers.ChoiceField(choices=ReviewEvent.Verdict.choices)
    label = serializers.ChoiceField(  # type: ignore[assignment]  # a declared field becomes no attribute
        choices=CLASSES,
        required=False,
        allow_blank=True,
        help_text="Needed to correct; may be left out to confirm.",
    )
    reason = serializers.ChoiceField(
        choices=Reason.choices,
        required=False,
        allow_blank=True,
        help_text="Needed to correct, and to change your first read to the machine's answer.",
    )
    note = serializers.CharField(required=False, allow_blank=True, max_length=NOTE_CHARACTERS)


class UndoSerializer(StrictSerializer):
    event = serializers.UUIDField(
        required=False,
        help_text="The event to withdraw; asking twice withdraws it once. Default: the newest.",
    )


class WithdrawalSerializer(StrictSerializer):
    reason = serializers.ChoiceField(choices=WithdrawalReason.choices)
    note = serializers.CharField(
        required=False, allow_blank=True, max_length=NOTE_CHARACTERS, help_text="Needed with `other`."
    )


class DraftSerializer(FindingsSerializer):
    label = serializers.ChoiceField(  # type: ignore[assignment]  # a declared field becomes no attribute
        choices=READ_LABELS, required=False, allow_blank=True
    )
    confidence = serializers.ChoiceField(
        choices=ReviewEvent.Confidence.choices, required=False, allow_null=True
    )
    verdict = serializers.ChoiceField(choices=ReviewEvent.Verdict.choices, required=False, allow_blank=True)
    reason = serializers.ChoiceField(choices=Reason.choices, required=False, allow_blank=True)
    note = serializers.CharField(required=False, allow_blank=True, max_length=NOTE_CHARACTERS)


class ReviewEventSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    sequence = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=ReviewEvent.Kind.choices)
    label = serializers.CharField(help_text="A class, or empty.")  # type: ignore[assignment]  # no attribute
    verdict = serializers.CharField()
    confidence = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField()
    note = serializers.CharField()
    image_quality = serializers.CharField(help_text="Empty where nothing was said of it.")
    location = serializers.CharField()
    region = RegionSerializer(allow_null=True)
    active_ms = serializers.IntegerField(allow_null=True, help_text="Null where nobody measured it.")
    saw_prediction = serializers.BooleanField(help_text="The machine's answer had been shown by then.")
    prediction = serializers.UUIDField(allow_null=True, help_text="From the reveal on.")
    supersedes = serializers.UUIDField(
        allow_null=True, help_text="The event that this one takes the place of."
    )
    at = serializers.DateTimeField()


class ReviewEventsSerializer(serializers.Serializer[Any]):
    results = ReviewEventSerializer(many=True)


class SaidOfImageSerializer(serializers.Serializer[Any]):
    image = serializers.UUIDField()
    reading = serializers.UUIDField(help_text="Of this image, by you; go on with it by itself.")
    first_read = ReviewEventSerializer()


class SaidOfRangeSerializer(serializers.Serializer[Any]):
    results = SaidOfImageSerializer(many=True, help_text="In the order of the study.")


class AnsweringVersionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    name = serializers.CharField()


class RevealedMapsSerializer(serializers.Serializer[Any]):
    classes = serializers.ListField(child=serializers.CharField(), help_text="Of the last axis.")
    values = serializers.ListField(
        child=serializers.ListField(child=serializers.ListField(child=serializers.FloatField())),
        help_text="Row, column, class; before the ReLU. Grad-CAM of a class is the positive part.",
    )
    box = serializers.ListField(
        child=serializers.FloatField(),
        allow_null=True,
        help_text="Left, top, right, bottom in image pixels of what the maps cover; null is the whole image.",
    )


class RevealedAnswerSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Of the prediction.")
    model_version = AnsweringVersionSerializer()
    label = serializers.ChoiceField(  # type: ignore[assignment]  # a declared field becomes no attribute
        choices=READ_LABELS,
        help_text="A class, or `not_assessable`: it does not look like a brain MRI to the version.",
    )
    probabilities = serializers.DictField(
        child=serializers.FloatField(), allow_null=True, help_text="By class name; null without a class."
    )
    novelty = serializers.FloatField(
        allow_null=True, help_text="How unlike a brain MRI: higher is less like. Null where nothing tells."
    )
    novelty_threshold = serializers.FloatField(
        allow_null=True, help_text="Above it this version answers `not_assessable`."
    )
    maps = RevealedMapsSerializer(
        allow_null=True, help_text="Null without a class, or where they were removed."
    )


class ReadImageSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    study = serializers.UUIDField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    bits = serializers.IntegerField()
    pixels = serializers.CharField(
        allow_null=True, help_text="Where the PNG is; null where nobody may see it."
    )


class ReadUnderSerializer(serializers.Serializer[Any]):
    mode = serializers.ChoiceField(choices=ReadingProtocol.Mode.choices)
    version = serializers.IntegerField()


class ReadingRowSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    collection = serializers.UUIDField()
    image = ReadImageSerializer()
    protocol = ReadUnderSerializer()
    step = serializers.ChoiceField(choices=[step.value for step in Step], help_text="What it waits for.")
    claimed_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    trace = OwnTraceSerializer(
        many=True, help_text="Training runs since you finished, newest first; none until then."
    )


class ReadingSerializer(ReadingRowSerializer):
    lease_expires_at = serializers.DateTimeField(help_text="Until when the image is kept for you.")
    draft = serializers.DictField()
    first_read = ReviewEventSerializer(allow_null=True)
    reveal = ReviewEventSerializer(allow_null=True)
    verdict = ReviewEventSerializer(allow_null=True)
    undo_until = serializers.DateTimeField(allow_null=True, help_text="Until when the verdict can be undone.")
    machine_answer = RevealedAnswerSerializer(allow_null=True, help_text="Null until the protocol shows it.")


class LabelSetSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    collection = serializers.UUIDField(source="collection_id")
    manifest_sha256 = serializers.CharField()
    counts = serializers.DictField(help_text="Images by part, by label, and those left out by reason.")
    created_at = serializers.DateTimeField()
