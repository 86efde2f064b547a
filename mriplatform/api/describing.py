"""What the description says of every operation alike: how it may refuse, the key that makes it act once, examples."""

import inspect
from collections.abc import Iterator
from typing import Any

from mriplatform.api.examples import example_of, parameter_example, problem_example
from mriplatform.api.idempotency import HEADER, REPLAYED
from mriplatform.api.problems import CONTENT_TYPE, TITLES
from mriplatform.api.serializers import StrictSerializer

type Description = dict[str, Any]

ANY = (400, 401, 403, 406, 429, 503)
WITH_BODY = (413, 415)
ONCE = (409, 422)
METHODS = frozenset({"get", "put", "post", "patch", "delete"})


def operations(description: Description) -> Iterator[tuple[str, str, Description]]:
    """Address, method and operation of everything that is described."""
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, method, operation


def complete(result: Description, generator: Any, request: Any, public: bool) -> Description:
    """Complete what each view says of itself, after all of them are described."""
    shared = result["components"].setdefault("responses", {})
    schemas = result["components"]["schemas"]
    _say_only_what_is_about_it(schemas)
    for _, method, operation in operations(result):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            _take_nothing_else(content.get("schema", {}), schemas)
        statuses = (
            ANY + (WITH_BODY if "requestBody" in operation else ()) + (ONCE if method == "post" else ())
        )
        for status in statuses:
            operation["responses"].setdefault(str(status), _problem(status))
        operation["responses"] = {
            status: _shared(status, response, shared)
            for status, response in sorted(operation["responses"].items())
        }
        if method != "get":
            _only_json(operation)
        if method == "post":
            operation.setdefault("parameters", []).append(_key())
        _exemplify(operation, result["components"])
    return result


def _say_only_what_is_about_it(schemas: Description) -> None:
    """Take out what a serializer inherits from the one for all writes, and says to readers of its code."""
    inherited = inspect.getdoc(StrictSerializer)
    for schema in schemas.values():
        if schema.get("description") == inherited:
            del schema["description"]


def _take_nothing_else(schema: Description, schemas: Description) -> None:
    """Say of what is sent that a field which is not described is refused, as it is."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    parts = [
        *schema.get("allOf", []),
        *schema.get("oneOf", []),
        *([schema["items"]] if "items" in schema else []),
    ]
    if "properties" in schema and "additionalProperties" not in schema:
        schema["additionalProperties"] = False
        parts += schema["properties"].values()
    for part in parts:
        _take_nothing_else(part, schemas)


def _problem(status: int) -> Description:
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"content": content, "description": TITLES[status]}


def _shared(status: str, response: Description, shared: Description) -> Description:
    """A refusal that says no more than its status is described once for all."""
    if int(status) not in TITLES or response != _problem(int(status)):
        return response
    if status not in shared:
        shared[status] = _problem(int(status))
        shared[status]["content"][CONTENT_TYPE]["example"] = problem_example(int(status))
    return {"$ref": f"#/components/responses/{status}"}


def _only_json(operation: Description) -> None:
    """What changes something answers as JSON, also where the same address gives files to whoever looks."""
    for response in operation["responses"].values():
        content = response.get("content", {})
        if "application/json" in content:
            response["content"] = {"application/json": content["application/json"]}


def _key() -> Description:
    return {
        "in": "header",
        "name": HEADER,
        "schema": {"type": "string", "format": "uuid"},
        "description": (
            "A UUID of your choice. The same request sent again with it acts no second time and gets the same answer, "
            f"with `{REPLAYED}: true`. Kept for a day; a refusal is not kept. Something else under the same key: 422."
        ),
    }


def _exemplify(operation: Description, components: Description) -> None:
    """Give an example to every body, and to every parameter that must be given, which has none of its own.

    The interactive documentation sends the example of a parameter that may be left out: a filter nobody asked for.
    """
    for parameter in operation.get("parameters", []):
        if parameter.get("required") and "example" not in parameter and "examples" not in parameter:
            parameter["example"] = parameter_example(parameter, components)
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        _add(content, example_of(content.get("schema", {}), components, media_type=media_type))
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            if media_type == CONTENT_TYPE:
                _add(content, problem_example(int(status)))
            else:
                _add(content, example_of(content.get("schema", {}), components, media_type=media_type))


def _add(content: Description, example: Any) -> None:
    if "example" not in content and "examples" not in content:
        content["example"] = example
