"""Requests that are malformed, too big or cut off, by page and by API: refused in one sentence, nothing left behind."""

import io
import json

import pytest
from django.http import UnreadablePostError
from django.urls import reverse

from mriplatform.audit.models import AuditEvent
from tests.classifier.doors import BOUNDARY, MULTIPART, House, build_house, multipart, stored_rows
from tests.pictures import picture_png


@pytest.fixture
def house(db) -> House:
    return build_house()


@pytest.fixture(params=["page", "api"])
def door(request) -> str:
    return request.param


def post(house: House, door: str, body: bytes, content_type: str = MULTIPART, **more):
    address = "/api/v1/studies" if door == "api" else reverse("upload", args=[house.collection.pk])
    return house.client("alice", raise_request_exception=False).generic(
        "POST", address, body, content_type, **more
    )


def fields(house: House, **more: str) -> dict[str, str]:
    return {"collection": str(house.collection.pk), **more}


def assert_refused(house: House, door: str, response, status: int, code: str, sentence: str) -> None:
    assert response.status_code == status
    assert sentence in response.content.decode()
    if door == "api":
        assert response["Content-Type"] == "application/problem+json"
        assert response.json()["code"] == code
    else:
        assert response["Content-Type"].startswith("text/html")
        assert "Not a medical device" in response.content.decode()


def test_nothing_sent(house, door):
    response = post(house, door, multipart(fields(house), []))
    assert_refused(house, door, response, 400, "no_file", "No file was sent.")


def test_51_files(house, door):
    before = stored_rows()
    body = multipart(fields(house), [("files", f"{n}.png", b"x") for n in range(51)])
    assert_refused(
        house, door, post(house, door, body), 400, "too_many_files", "At most 50 files are taken at once"
    )
    assert stored_rows() == before


def test_100_000_fields(house, door):
    body = multipart({f"field{n}": "x" for n in range(100_000)}, [])
    response = post(house, door, body)
    assert_refused(house, door, response, 400, "too_many_fields", "more than 1000 fields")


def test_a_field_of_3_mebibytes(house, door):
    body = multipart(fields(house, grouping="x" * (3 * 2**20)), [])
    assert_refused(house, door, post(house, door, body), 413, "request_too_big", "The request is too big")


def test_a_request_over_the_limit_is_refused_by_its_length_alone(house, door, settings):
    settings.UPLOAD_MAX_REQUEST_BYTES = 1000
    before = stored_rows()
    body = multipart(fields(house), [("files", "1.png", picture_png(1))])
    assert_refused(house, door, post(house, door, body), 413, "request_too_big", "The request is too big")
    assert stored_rows() == before


def test_a_file_over_the_limit(house, door, settings):
    settings.UPLOAD_MAX_IMAGE_BYTES = settings.UPLOAD_MAX_DICOM_BYTES = 2**20
    before = stored_rows()
    body = multipart(fields(house), [("files", "1.png", picture_png(1) + bytes(2 * 2**20))])
    response = post(house, door, body)
    assert_refused(house, door, response, 413, "file_too_large", "The file is too large; the limit is 1 MiB.")
    assert stored_rows() == before
    assert AuditEvent.objects.get(action="upload.refused").data["codes"] == ["file_too_large"]


@pytest.mark.parametrize("cut", ["between the files", "inside a file", "before the last line"])
def test_a_body_that_breaks_off_is_refused_whole(house, door, cut):
    """Whether the connection was cut or the Content-Length lied, what arrived looks like this."""
    before = stored_rows()
    files = [("files", "1.png", picture_png(1)), ("files", "2.png", picture_png(2))]
    body = {
        "between the files": multipart(fields(house), files[:1], closed=False),
        "inside a file": multipart(fields(house), files)[:-4000],
        "before the last line": multipart(fields(house), files, closed=False),
    }[cut]
    response = post(house, door, body)
    assert_refused(house, door, response, 400, "incomplete_request", "malformed or ends too early")
    assert stored_rows() == before


def test_a_content_length_that_says_too_much_is_refused(house, door):
    before = stored_rows()
    body = multipart(fields(house), [("files", "1.png", picture_png(1))])
    lie = {"CONTENT_LENGTH": str(len(body) + 10), "wsgi.input": io.BytesIO(body)}
    response = post(house, door, body, **lie)
    assert_refused(house, door, response, 400, "incomplete_request", "malformed or ends too early")
    assert stored_rows() == before


def test_a_connection_that_is_cut_leaves_nothing(house, door, monkeypatch):
    from django.test.client import FakePayload

    def cut(*args):
        raise UnreadablePostError("the peer went away")

    before = stored_rows()
    monkeypatch.setattr(FakePayload, "read", cut)
    response = post(house, door, multipart(fields(house), [("files", "1.png", picture_png(1))]))
    assert response.status_code in (400, 403)
    assert stored_rows() == before


@pytest.mark.parametrize("boundary", ["", "ä", "x" * 210, 'a"; filename="x'])
def test_a_broken_boundary(house, door, boundary):
    body = multipart(fields(house), [("files", "1.png", picture_png(1))])
    response = post(house, door, body, f"multipart/form-data; boundary={boundary}")
    assert_refused(house, door, response, 400, "incomplete_request", "malformed or ends too early")


def test_base64_that_is_none(house, door):
    head = 'Content-Disposition: form-data; name="files"; filename="1.png"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    body = f"--{BOUNDARY}\r\n{head}!!!\r\n--{BOUNDARY}--\r\n".encode()
    assert post(house, door, body).status_code == 400


def test_unknown_grouping(house, door):
    body = multipart(fields(house, grouping="whatever"), [("files", "1.png", picture_png(1))])
    assert post(house, door, body).status_code == 400


def test_a_pseudonym_that_is_too_long(house, door):
    before = stored_rows()
    name = "subject_pseudonym" if door == "api" else "pseudonym"
    body = multipart(fields(house, **{name: "x" * 65}), [("files", "1.png", picture_png(1))])
    assert post(house, door, body).status_code == 400
    assert stored_rows() == before


def test_an_unknown_host(house, door):
    response = post(house, door, b"", headers={"Host": "evil.example"})
    assert_refused(house, door, response, 400, "unknown_host", "not served under this name")
    assert "evil.example" not in response.content.decode()


def test_somebody_who_is_not_signed_in_cannot_fill_the_memory(house):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.get(reverse("login"))
    body = multipart(fields(house), [("files", "1.png", bytes(3 * 2**20))])
    response = client.generic("POST", reverse("upload", args=[house.collection.pk]), body, MULTIPART)
    assert response.status_code == 413


class TestJson:
    @pytest.fixture
    def send(self, house):
        address = f"/api/v1/studies/{house.study.pk}/purge"
        client = house.client("ann", raise_request_exception=False)

        def _send(body: bytes, content_type: str = "application/json"):
            return client.generic("POST", address, body, content_type)

        return _send

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (b"[" * 10_000 + b"]" * 10_000, 400),
            (b'{"reason":' * 10_000 + b"1" + b"}" * 10_000, 400),
            (b'{"reason": NaN}', 400),
            (b'{"reason": Infinity}', 400),
            (b'{"reason": "\xff\xfe"}', 400),
            (b'{"reason": "a\\u0000b"}', 400),
            (b'{"reason": "\\ud800"}', 400),
            (b'{"reason": ' + json.dumps("x" * 10 * 2**20).encode() + b"}", 413),
            (b'{"reason": "' + b"x" * 501 + b'"}', 400),
            (b'{"reason": ""}', 400),
            (b'{"reason": ["x"]}', 400),
            (b'["reason"]', 400),
            (b'"reason"', 400),
            (b"null", 400),
            (b"{", 400),
            (b"", 400),
        ],
        ids=lambda value: repr(value)[:30],
    )
    def test_bodies(self, house, send, body, status):
        response = send(body)
        assert response.status_code == status
        assert response["Content-Type"] == "application/problem+json"
        house.study.refresh_from_db()
        assert house.study.purged_at is None

    @pytest.mark.parametrize("field", ["role", "status", "uploaded_by", "is_superuser", "id", "purged_at"])
    def test_a_field_that_cannot_be_set_is_named(self, house, send, field):
        response = send(json.dumps({"reason": "asked for", field: "x"}).encode())
        assert response.status_code == 400
        assert list(response.json()["errors"]) == [field]
        assert response.json()["detail"].startswith(f"{field}: ")
        house.study.refresh_from_db()
        assert house.study.purged_at is None

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/xml", "application/octet-stream", "multipart/form-data"]
    )
    def test_other_types(self, send, kind):
        assert send(b"x", kind).status_code == 415


@pytest.mark.parametrize("field", ["role", "status", "uploaded_by", "origin", "id", "file"])
def test_a_field_that_an_upload_does_not_take_is_named(house, field):
    before = stored_rows()
    body = multipart(fields(house, **{field: "x"}), [("files", "1.png", picture_png(1))])
    response = post(house, "api", body)
    assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert stored_rows() == before


@pytest.mark.parametrize(
    "query",
    [
        "ordering=user__password",
        "whatever=1",
        "page_size=100000",
        f"page_size={'1' * 5000}",
        "page_size=0",
        "page_size=-1",
        "page_size=x",
        "cursor=tampered",
        "cursor=cD0yMDI2",
        "cursor=%00",
        "cursor=bz0xMDAwMDAwMDAw",
        "status=done",
        "status=%00",
        "collection=1",
        "status=" + "x" * 10_000,
        "x" * 10_000 + "=1",
    ],
    ids=lambda query: query[:30],
)
@pytest.mark.parametrize("path", ["studies", "predictions", "collections", "model-versions"])
def test_queries(house, path, query):
    response = house.client("ann").get(f"/api/v1/{path}?{query}")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query", ["ordering=user__password", "status=done", "status=%00", "before=1", "after=x", "x" * 9000]
)
def test_queries_of_a_collection(house, query):
    response = house.client("ann").get(reverse("collection", args=[house.collection.pk]) + "?" + query)
    assert response.status_code == 400
    assert "query parameter" in response.content.decode() or "filter" in response.content.decode()


@pytest.mark.parametrize("moment", ["x", "2026-13-01", "-1", "2026-01-01T25:00:00Z"])
def test_moments_that_are_none(house, moment):
    assert house.client("ann").get(f"/api/v1/model-versions/in-force?at={moment}").status_code == 400


@pytest.mark.parametrize("path", ["whatever", "studies/1", "studies/", "../admin", "studies/%00"])
def test_addresses_of_the_api_that_are_none(house, path):
    response = house.client("ann").get(f"/api/v1/{path}")
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
def test_methods_that_an_endpoint_does_not_have(house, method):
    response = house.client("ann").generic(method, f"/api/v1/studies/{house.study.pk}")
    assert (response.status_code, response["Content-Type"]) == (405, "application/problem+json")


@pytest.mark.parametrize(
    "path", ["/", "/collections/{collection}", "/studies/{study}", "/api/v1/studies", "/nowhere"]
)
def test_a_database_that_is_away_is_a_503_with_a_sentence(house, path):
    from django.db import OperationalError, connection

    def away(*args):
        raise OperationalError("the server closed the connection unexpectedly")

    client = house.client("alice", raise_request_exception=False)
    with connection.execute_wrapper(away):
        response = client.get(path.format(collection=house.collection.pk, study=house.study.pk))
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "The database does not answer at the moment." in response.content.decode()
    assert response["Content-Type"].startswith("application/problem+json" if "api" in path else "text/html")


@pytest.mark.parametrize("path", ["/", "/api/v1/collections"])
def test_a_fault_of_ours_is_a_500_that_says_so_without_details(house, path, monkeypatch):
    def broken(*args):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("mriplatform.home.study_counts", broken)
    monkeypatch.setattr("classifier.api.collections.study_counts", broken)
    response = house.client("alice", raise_request_exception=False).get(path)
    assert response.status_code == 500
    assert "Something broke on our side" in response.content.decode()
    assert "secret" not in response.content.decode()


def test_a_form_of_another_site_is_turned_away(house):
    client = house.client("ann", enforce_csrf_checks=True)
    address = reverse("study", args=[house.study.pk])
    token = client.get(address).context["csrf_token"]
    sent = {"reason": "asked for", "csrfmiddlewaretoken": str(token)}
    response = client.post(address + "/purge", sent, headers={"Origin": "https://evil.example"})
    assert response.status_code == 403
    house.study.refresh_from_db()
    assert house.study.purged_at is None
    assert client.post(address + "/purge", sent, headers={"Origin": "http://testserver"}).status_code == 302


def test_no_page_can_be_framed(house):
    response = house.client("alice").get("/")
    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
