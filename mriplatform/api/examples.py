"""Examples for every call of the API, made from the description itself: made up, of nobody, and never out of date.

What a field is called says most of what stands in it; where its name says nothing, its type does.
"""

from typing import Any, Final

from mriplatform.api.problems import TITLES

type Schema = dict[str, Any]

UUID: Final = "019b1f6e-8a01-7c3e-9d55-0a6f1e2b7f3a"
SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
MOMENT: Final = "2026-03-02T10:42:00.100Z"
TABLE: Final = "image,label\r\n" + UUID + ",glioma\r\n"
BOX: Final = {"shape": "box", "x": 0.5, "y": 0.4, "width": 0.2, "height": 0.1}

# By the name of the field or parameter.
VALUES: Final[dict[str, Any]] = {
    "active_run": None,
    "about": "How often readers and the machine say the same.",
    "age_band": "40-49",
    "allowed_change": "The weights of the last layer.",
    "blinded_reads": ["meningioma"],
    "by": "erin",
    "by_class": {"glioma": 12, "meningioma": 9, "notumor": 14, "pituitary": 11},
    "code": "stored",
    "confidence": 3,
    "counts": {"stored": 2, "refused": 0},
    "criteria": {"accuracy_lower": 0.9},
    "cursor": "cD0yMDI2LTAzLTAy",
    "dataset": "figshare",
    "description": "Scans of the neurology ward.",
    "detail": "Stored; its prediction is in line.",
    "device": "cpu",
    "digest": "0" * 128,
    "excluded": {"not assessable": 1},
    "expected": 1,
    "failure_reason": "",
    "free": "",
    "id": UUID,
    "impact": "A worse version would mislead who reads by it; it can be taken back by one action.",
    "joint": [[12.0, 1.0, 0.0, 0.0]],
    "label": "glioma",
    "labels": '[{"label": "glioma", "split": "train"}]',
    "manifest_sha256": SHA256,
    "maps": None,
    "minutes_left": 4,
    "modality": "MR",
    "model_version": 2,
    "name": "ward",
    "network": "mobilenetv2",
    "next": None,
    "note": "",
    "novelty": 0.41,
    "novelty_threshold": 1.0,
    "options": {},
    "orientation": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    "override_reason": "",
    "page_size": 50,
    "path": "agreed",
    "pixels": f"/api/v1/images/{UUID}/pixels",
    "pixel_sha256": SHA256,
    "previous": None,
    "probabilities": {"glioma": 0.832, "meningioma": 0.141, "notumor": 0.004, "pituitary": 0.023},
    "probability": 0.12,
    "protocol": "On the locked part, beside the version in force.",
    "rationale": "The margin is sharp on the neighbouring slices.",
    "reason": "It learned from the ward's corrections.",
    "region": BOX,
    "request_id": UUID,
    "role": "radiologist",
    "runtime": "onnxruntime",
    "scopes": ["read", "upload"],
    "seed": 0,
    "sentence": "46 labels, 12 of them new.",
    "series_uid": "2.25.126745093321064021845",
    "instance_uid": "2.25.126745093321064021846",
    "study_uid": "2.25.126745093321064021844",
    "since": "2026-03-01",
    "size": 50,
    "source": "Histology",
    "split": "train",
    "start": 0,
    "status": "succeeded",
    "subject": "S-017",
    "subject_pseudonym": "S-017",
    "token": "5f0c" * 16,
    "url": f"/api/v1/studies/{UUID}",
    "user": "bob",
    "username": "bob",
    "values": [[[0.1, 1.2, -0.3, 0.0]]],
}  # fmt: skip
# By the name of the component, where fields hang together.
WHOLE: Final[dict[str, Any]] = {
    "FirstReadRequest": {"label": "glioma", "confidence": 3, "location": "frontal", "region": BOX},
    "ReviewVerdictRequest": {"verdict": "correct", "label": "glioma", "reason": "other", "note": "See T2."},
    "WithdrawalRequest": {"reason": "slip"},
    "DraftRequest": {"label": "glioma", "confidence": 3},
    "SendBackRequest": {"top": 10},
    "ChooseVersionRequest": {"model_version": None, "reason": "Follow what is in force."},
    "RulesRequest": {"mode": "blinded_first", "readers_per_image": 2},
    "PolicyRulesRequest": {"rule": "protocol", "seen": "include"},
    "PlanRequest": {"every_labels": 50, "recipe": "head"},
    "RetrainRequest": {"recipe": "head", "seed": 0},
    "FreezeRequest": {"if_manifest_sha256": SHA256},
    "RollBackRequest": {"reason": "It misses small meningiomas.", "expected": 1},
    "UndoRequest": {},
    "RevealRequest": {},
    "RevokeTokenRequest": {"id": "0" * 128},
}
CODES: Final[dict[int, tuple[str, str]]] = {
    400: ("invalid", "reason: This field is required."),
    401: ("not_authenticated", "Authentication credentials were not provided."),
    403: ("scope_missing", "This token may not do that: it needs the scope train."),
    404: ("not_found", "There is nothing here, or it is not yours to see."),
    406: ("not_acceptable", "Could not satisfy the request Accept header."),
    409: ("idempotency_key_in_use", "The same request is still being answered; ask again."),
    412: ("changed_meanwhile", "It was changed meanwhile. Look at it again, then change it."),
    413: ("request_too_big", "The request is too big: an upload may have 500 MiB, everything else 2 MiB."),
    415: ("unsupported_media_type", "Unsupported media type \"text/plain\" in request."),
    422: ("idempotency_key_reused", "This Idempotency-Key was used before with other content."),
    428: ("if_match_missing", "Send If-Match with the ETag as you fetched it."),
    429: ("too_many_requests", "More than 600 requests in a minute. Come back in 40 seconds, and ask less often."),
    503: ("database_away", "The database does not answer at the moment. Nothing was changed; try again shortly."),
    507: ("storage_full", "Your storage is full. Ask an administrator to purge studies or raise the limit."),
}  # fmt: skip
FORMATS: Final[dict[str, Any]] = {
    "uuid": UUID,
    "date-time": MOMENT,
    "date": "2026-03-02",
    "uri": "https://portal.example.org/api/v1/studies?cursor=cD0yMDI2",
    "binary": "(bytes)",
    "double": 0.5,
}


def problem_example(status: int) -> dict[str, Any]:
    code, detail = CODES.get(status, ("refused", "It was understood, and refused."))
    return {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": UUID,
    }


def parameter_example(parameter: Schema, components: Schema) -> Any:
    """An example of a parameter; of a header what it looks like there."""
    if parameter["name"] == "If-Match":
        return '"3"'
    return example_of(parameter["schema"], components, name=parameter["name"])


def example_of(schema: Schema, components: Schema, *, name: str = "", media_type: str = "") -> Any:
    """A value that the schema takes: by the component, by the field's name, by the type."""
    if media_type.startswith("text/") or media_type.endswith("ndjson"):
        return TABLE if "csv" in media_type else f'{{"image": "{UUID}", "label": "glioma"}}\n'
    if "$ref" in schema:
        component = schema["$ref"].rpartition("/")[2]
        if component in WHOLE:
            return WHOLE[component]
        return example_of(components["schemas"][component], components, name=name)
    for several in ("allOf", "oneOf", "anyOf"):
        if several in schema:
            return example_of(schema[several][0], components, name=name)
    if name in VALUES and _fits(VALUES[name], schema):
        return VALUES[name]
    return _by_type(schema, components, name)


def _by_type(schema: Schema, components: Schema, name: str) -> Any:
    if "enum" in schema:
        return next((word for word in schema["enum"] if word), schema["enum"][0])
    match schema.get("type"):
        case "object":
            return _object(schema, components)
        case "array":
            return [example_of(schema["items"], components, name=name.removesuffix("s"))]
        case "boolean":
            return False
        case "integer" | "number":
            return _number(schema)
    if "format" in schema:
        return FORMATS.get(schema["format"], "text")
    if "pattern" in schema:
        return SHA256 if "64" in schema["pattern"] else "0" * 128
    return "text"[: schema.get("maxLength", 4)]


def _object(schema: Schema, components: Schema) -> dict[str, Any]:
    properties = schema.get("properties", {})
    made = {field: example_of(inner, components, name=field) for field, inner in properties.items()}
    more = schema.get("additionalProperties")
    if not properties and isinstance(more, dict) and more:
        made["glioma"] = example_of(more, components)
    return made


def _number(schema: Schema) -> float | int:
    lowest, highest = schema.get("minimum", 0), schema.get("maximum", 2**31)
    value = min(max(1, lowest), highest)
    return value if schema["type"] == "integer" else float(value)


def _fits(value: Any, schema: Schema) -> bool:
    """Whether a value that goes by its field's name is of the field's type here."""
    if value is None:
        return bool(schema.get("nullable"))
    if "enum" in schema:
        return value in schema["enum"]
    if schema.get("format") in ("uuid", "date-time", "date", "binary") and schema["format"] not in (
        "uuid" if value == UUID else "",
        "date" if value == VALUES["since"] else "",
    ):
        return False
    match schema.get("type"):
        case "string":
            return isinstance(value, str) and len(value) <= schema.get("maxLength", len(value))
        case "integer":
            return isinstance(value, int) and schema.get("minimum", value) <= value <= schema.get(
                "maximum", value
            )
        case "number":
            return isinstance(value, int | float)
        case "array":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict) and not schema.get("properties")
    return True
