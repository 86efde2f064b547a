"""The published description: as the code is, no break of what was published before, an example for every call."""

import copy
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from mriplatform.api.describing import operations
from tests.mriplatform.api.breaking import breaks

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "openapi"
PUBLISHED = json.loads((FOLDER / "published.json").read_text())


@pytest.fixture(scope="module")
def committed():
    return json.loads((FOLDER / "v1.json").read_text())


def test_the_committed_description_is_what_the_code_says(committed):
    rendered = StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=rendered)
    assert json.loads(rendered.getvalue()) == committed, "run ./dev schema and commit what it wrote"


def test_nothing_that_was_published_is_broken(committed):
    assert breaks(PUBLISHED, committed) == []


# Each takes a description apart in one way, on an address that is there for good.
def gone_path(schema):
    del schema["paths"]["/api/v1/studies"]


def gone_operation(schema):
    del schema["paths"]["/api/v1/studies"]["post"]


def other_name(schema):
    schema["paths"]["/api/v1/studies"]["post"]["operationId"] = "upload"


def gone_answer(schema):
    del schema["paths"]["/api/v1/studies"]["post"]["responses"]["202"]


def gone_media_type(schema):
    content = schema["paths"]["/api/v1/studies"]["post"]["requestBody"]["content"]
    content["application/json"] = content.pop("multipart/form-data")


def gone_header(schema):
    del schema["paths"]["/api/v1/studies"]["post"]["responses"]["202"]["headers"]["Location"]


def no_body(schema):
    del schema["paths"]["/api/v1/predictions"]["post"]["requestBody"]


def gone_parameter(schema):
    schema["paths"]["/api/v1/studies"]["get"]["parameters"] = []


def required_parameter(schema):
    schema["paths"]["/api/v1/studies"]["get"]["parameters"][0]["required"] = True


def new_required_parameter(schema):
    new = {"in": "query", "name": "new", "required": True, "schema": {"type": "string"}}
    schema["paths"]["/api/v1/studies"]["get"]["parameters"].append(new)


def gone_sign_in(schema):
    del schema["paths"]["/api/v1/studies"]["get"]["security"][0]


def of(component: str, field: str, **changes):
    def change(schema):
        schema["components"]["schemas"][component]["properties"][field].update(changes)

    return change


def gone_field(schema):
    del schema["components"]["schemas"]["Image"]["properties"]["pixel_sha256"]


def field_that_may_be_missing(schema):
    schema["components"]["schemas"]["Image"]["required"].remove("pixel_sha256")


def gone_field_to_send(schema):
    del schema["components"]["schemas"]["NewTokenRequest"]["properties"]["days"]


def required_field(schema):
    schema["components"]["schemas"]["NewTokenRequest"]["required"].append("days")


def new_required_field(schema):
    component = schema["components"]["schemas"]["PurgeRequest"]
    component["properties"]["until"] = {"type": "string"}
    component["required"].append("until")


def gone_word(schema):
    schema["components"]["schemas"]["GroupingEnum"]["enum"].remove("study_each")


BREAKS = {
    gone_path: "/api/v1/studies is gone",
    gone_operation: "POST /api/v1/studies is gone",
    other_name: "called otherwise",
    gone_answer: "the answer 202 is gone",
    gone_media_type: "multipart/form-data is gone",
    gone_header: "the header Location is gone",
    no_body: "no body is taken",
    gone_parameter: "the parameter collection is gone",
    required_parameter: "must be sent now",
    new_required_parameter: "the parameter new must be sent now",
    gone_sign_in: "a way to sign in is gone",
    gone_field: "pixel_sha256 is gone",
    field_that_may_be_missing: "pixel_sha256 may be missing now",
    gone_field_to_send: "days is gone",
    required_field: "days must be sent now",
    new_required_field: "until must be sent now",
    gone_word: "does not take every word any more: study_each",
    of("Image", "width", type="string"): "width is string now, and was integer",
    of("Image", "width", nullable=True): "width may be null now",
    of("Study", "created_at", format="date"): "created_at is string date now",
    of("NewTokenRequest", "days", type="string"): "days is string now",
    of("NewTokenRequest", "days", maximum=30): "days has a narrower maximum",
    of("NewTokenRequest", "days", minimum=7): "days has a narrower minimum",
    of("NewTokenRequest", "name", maxLength=10): "name has a narrower maxLength",
    of("NewTokenRequest", "name", pattern="^[a-z]+$"): "name has another pattern",
    of("ChooseVersionRequest", "model_version", nullable=False): "model_version may not be null any more",
}


@pytest.mark.parametrize("change", BREAKS, ids=lambda change: change.__name__)
def test_every_kind_of_break_is_caught(change):
    broken = copy.deepcopy(PUBLISHED)
    change(broken)
    found = breaks(PUBLISHED, broken)
    assert any(BREAKS[change] in one for one in found), found


def more(schema):
    schema["paths"]["/api/v1/new"] = copy.deepcopy(schema["paths"]["/api/v1/studies"])
    schema["paths"]["/api/v1/studies"]["get"]["parameters"].append(
        {"in": "query", "name": "new", "schema": {"type": "string"}}
    )
    schema["paths"]["/api/v1/studies"]["post"]["responses"]["451"] = {"description": "new"}
    components = schema["components"]["schemas"]
    components["Image"]["properties"]["new"] = {"type": "string"}
    components["Image"]["required"].append("new")
    components["NewTokenRequest"]["properties"]["new"] = {"type": "string"}
    components["NewTokenRequest"]["properties"]["days"]["maximum"] = 1000
    components["NewTokenRequest"]["properties"]["days"]["nullable"] = True
    components["GroupingEnum"]["enum"].append("new")
    components["PredictionStatusEnum"]["enum"].append("new")
    components["PurgeRequest"]["required"].remove("reason")


def test_what_is_added_breaks_nothing():
    fuller = copy.deepcopy(PUBLISHED)
    more(fuller)
    assert breaks(PUBLISHED, fuller) == []


def with_nulls(schema):
    """The schema as JSON Schema says it: what may be null is one of the types."""
    if isinstance(schema, list):
        return [with_nulls(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: with_nulls(value) for name, value in schema.items()}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def content_of(committed, body):
    """What a body holds; a refusal that many calls share stands in one place."""
    if "$ref" in body:
        body = committed["components"]["responses"][body["$ref"].rpartition("/")[2]]
    return body.get("content", {})


def examples(committed):
    for path, method, operation in operations(committed):
        bodies = [("request", operation.get("requestBody", {}))]
        bodies += list(operation["responses"].items())
        for which, body in bodies:
            for media_type, content in content_of(committed, body).items():
                values = [one["value"] for one in content.get("examples", {}).values()]
                yield f"{method} {path} {which} {media_type}", content, values or [content["example"]]


def test_every_call_has_an_example_that_its_description_takes(committed):
    import jsonschema

    components = with_nulls(committed["components"])
    bad = []
    for name, content, values in examples(committed):
        if "json" not in name and "form-data" not in name:
            assert values[0] is not None, name
            continue
        schema = with_nulls(content["schema"]) | {"components": components}
        check = jsonschema.Draft202012Validator(schema)
        for value in values:
            bad += [f"{name}: {error.json_path} {error.message}"[:200] for error in check.iter_errors(value)]
    assert bad == []


def test_what_must_be_given_has_an_example_and_what_may_be_left_out_is_not_filled_in(committed):
    """The interactive documentation would send it: a cursor that nobody gave out, a filter that finds nothing."""
    for path, method, operation in operations(committed):
        for parameter in operation.get("parameters", []):
            shown = parameter.get("example") is not None or "examples" in parameter
            assert shown == bool(parameter.get("required")), (method, path, parameter["name"])


def test_every_post_says_that_it_takes_a_key_and_how_it_may_refuse(committed):
    for path, method, operation in operations(committed):
        headers = {one["name"] for one in operation.get("parameters", []) if one["in"] == "header"}
        assert ("Idempotency-Key" in headers) == (method == "post"), path
        assert {"400", "401", "403", "406", "429", "503"} <= set(operation["responses"]), path
        if method in ("put", "patch"):
            assert ("If-Match" in headers) == ("428" in operation["responses"]), path
