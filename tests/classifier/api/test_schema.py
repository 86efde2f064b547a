"""The API's description: valid, complete, and shown under the strict CSP."""

import re

import pytest
from django.test import Client
from django.urls import get_resolver

from mriplatform.api.problems import CONTENT_TYPE


@pytest.fixture(scope="module")
def schema():
    from drf_spectacular.generators import SchemaGenerator

    return SchemaGenerator().get_schema(request=None, public=True)


def test_it_is_valid(schema):
    from drf_spectacular.validation import validate_schema

    validate_schema(schema)


def test_every_choice_has_a_name_of_its_own(schema):
    """Two that would be called the same get a piece of a hash instead; ENUM_NAME_OVERRIDES names them."""
    components = schema["components"]["schemas"]
    enums = [name for name, component in components.items() if "enum" in component]
    assert {"ClassEnum", "RunStatusEnum", "GateVerdictEnum"} <= set(enums)
    assert not [name for name in enums if re.search(r"[0-9A-F][0-9a-f]{2}Enum$", name)]


def test_it_describes_every_endpoint(schema):
    described = set(schema["paths"])
    paths = {
        "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        for part in get_resolver().url_patterns
        if str(part.pattern) == "api/v1/"
        for pattern in part.url_patterns
    }
    served = {f"/api/v1{path}" for path in paths} - {"/api/v1/schema/", "/api/v1/docs/"}
    assert served == described


def test_every_endpoint_says_how_it_refuses(schema):
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            refused = operation["responses"]["401"]
            assert refused == {"$ref": "#/components/responses/401"}, (method, path)
    assert CONTENT_TYPE in schema["components"]["responses"]["401"]["content"]


def test_sending_images_is_described_as_it_works(schema):
    send = schema["paths"]["/api/v1/studies"]["post"]
    assert set(send["requestBody"]["content"]) == {"multipart/form-data"}
    assert {"200", "202", "413", "415", "422", "429"} <= set(send["responses"])
    assert "Location" in send["responses"]["202"]["headers"]
    assert {"token", "cookieAuth"} == {name for one in send["security"] for name in one}


def test_the_pages(db):
    client = Client()
    assert client.get("/api/v1/schema/")["Content-Type"].startswith("application/vnd.oai.openapi+json")
    page = client.get("/api/v1/docs/")
    body = page.content.decode()
    assert "style=" not in body
    assert "<style" not in body
    assert not re.search(r"<script(?![^>]*src=)", body)
    assert "unsafe" not in page["Content-Security-Policy"]
    script = client.get("/api/v1/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert "SwaggerUIBundle" in script.content.decode()
