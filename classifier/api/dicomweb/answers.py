"""What a push is answered: the Store Instances Response Module in the DICOM JSON model, with the new UIDs.

Sources: PS3.18, section 10.5.3 and Annex I.2 (attributes, failure reasons), Annex F (JSON).
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from django.http import HttpResponse

from classifier.services.decoding import InstanceNames
from classifier.services.uploads import Verdict

CONTENT_TYPE: Final = "application/dicom+json"
_REFERENCED, _FAILED, _OTHER_FAILURES = "00081199", "00081198", "0008119A"
_OUT_OF_RESOURCES, _OTHER_STUDY, _NOT_UNDERSTOOD = 0xA700, 0xA900, 0xC000
_NO_SUCH_CLASS, _NO_SUCH_SYNTAX = 0x0122, 0xC122
_REASONS: Final = {
    "unsupported_transfer_syntax": _NO_SUCH_SYNTAX,
    "not_mr": _NO_SUCH_CLASS,
    "other_study": _OTHER_STUDY,
    "decoder_busy": _OUT_OF_RESOURCES,
    "decoder_down": _OUT_OF_RESOURCES,
    "too_slow": _OUT_OF_RESOURCES,
    "too_much_memory": _OUT_OF_RESOURCES,
    "file_too_large": _OUT_OF_RESOURCES,
}
# "Coercion of data elements": the nearest that the standard has to "accepted, and kept back until a person has looked".
_KEPT_BACK: Final = 0xB000
_MOST_WARNINGS: Final = 10


def push_response(verdicts: Sequence[Verdict]) -> HttpResponse:
    """200 where all instances were accepted, 202 where some were or a person has to look first, 409 where none was."""
    failed = [verdict for verdict in verdicts if verdict.outcome == "refused"]
    kept_back = any(verdict.quarantined for verdict in verdicts)
    status = 409 if len(failed) == len(verdicts) else 202 if failed or kept_back else 200
    body = json.dumps(_dataset(verdicts), separators=(",", ":"))
    response = HttpResponse(body, content_type=CONTENT_TYPE, status=status)
    if said := [
        _warning(verdict) for verdict in verdicts if verdict.sentence and verdict.outcome != "duplicate"
    ]:
        response["Warning"] = ", ".join(said[:_MOST_WARNINGS])
    return response


def _dataset(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {_FAILED: [], _REFERENCED: [], _OTHER_FAILURES: []}
    for verdict in verdicts:
        names = verdict.names or InstanceNames()
        if verdict.outcome != "refused":
            found[_REFERENCED].append(_referenced(verdict, names))
        elif names.instance_uid:
            found[_FAILED].append(_instance(names) | _reason(verdict))
        else:
            found[_OTHER_FAILURES].append(_reason(verdict))
    sequences = {tag: {"vr": "SQ", "Value": items} for tag, items in found.items() if items}
    return dict(sorted((sequences | {"00081190": {"vr": "UR"}}).items()))


def _referenced(verdict: Verdict, names: InstanceNames) -> dict[str, Any]:
    """An accepted instance; its study and series say under which UIDs its results will come."""
    item = _instance(names) | {
        "0020000D": {"vr": "UI", "Value": [names.study_uid]},
        "0020000E": {"vr": "UI", "Value": [names.series_uid]},
    }
    if verdict.quarantined:
        item["00081196"] = {"vr": "US", "Value": [_KEPT_BACK]}
    return dict(sorted(item.items()))


def _instance(names: InstanceNames) -> dict[str, Any]:
    classes = {"vr": "UI", "Value": [names.sop_class_uid]} if names.sop_class_uid else {"vr": "UI"}
    return {"00081150": classes, "00081155": {"vr": "UI", "Value": [names.instance_uid]}}


def _reason(verdict: Verdict) -> dict[str, Any]:
    return {"00081197": {"vr": "US", "Value": [_REASONS.get(verdict.code, _NOT_UNDERSTOOD)]}}


def _warning(verdict: Verdict) -> str:
    """The sentence about an instance, as a header can carry it."""
    words = f"Instance {verdict.number}: {verdict.sentence}".encode("ascii", "replace").decode()
    return f'299 - "{words.replace('"', "'")}"'
