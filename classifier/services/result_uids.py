"""UIDs for what goes out as DICOM and did not come so: made of our own identifiers and the key, the same for ever."""

from django.conf import settings

from classifier.intake.uids import replaced_uid


def result_uid(*words: object) -> str:
    """The UID ("2.25.…") of what the words name, such as `"image", image.pk`.

    No sender's UID is ever replaced by it: those are digits and points alone.
    """
    return replaced_uid(":".join(("result", *map(str, words))), settings.SUBJECT_KEY.encode())
