"""STOW-RS, request by request: who may push, what is answered, and that the sender's UIDs stay with the sender."""

import base64
import io
import logging
from collections.abc import Iterator

import pytest
from django.test import Client

from classifier.api.dicomweb import views
from classifier.intake import replaced_uid
from classifier.models import DicomFacts, Image, Study
from mriplatform.accounts.services import make_token
from mriplatform.audit.models import AuditEvent
from tests.classifier.doors import House, build_house, everything_stored, stored_rows
from tests.classifier.intake.dicom_files import (
    ENHANCED_MR_STORAGE,
    MR_STORAGE,
    SENDERS_ROOT,
    TAKEN,
    as_file,
    mr,
)
from tests.pictures import picture_png

RELATED = 'multipart/related; type="application/dicom"; boundary=B'
REFERENCED, FAILED, OTHER = "00081199", "00081198", "0008119A"


@pytest.fixture
def house(db) -> House:
    return build_house()


def related(*files: bytes, kind: bytes = b"application/dicom") -> bytes:
    parts = [b"--B\r\nContent-Type: " + kind + b"\r\n\r\n" + data + b"\r\n" for data in files]
    return b"".join(parts) + b"--B--\r\n"


def push(house: House, *files: bytes, address="/dicom-web/studies", name="alice", **more):
    headers = more.pop("headers", None) or house.token(name)
    body = more.pop("body", related(*files))
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    return client.generic("POST", address, body, more.pop("content_type", RELATED), headers=headers, **more)


def items(response, tag: str) -> list[dict]:
    return response.json().get(tag, {}).get("Value", [])


def said(item: dict, tag: str):
    return item[tag]["Value"][0]


def key(settings) -> bytes:
    return settings.SUBJECT_KEY.encode()


def test_all_stored_is_200_and_names_the_new_uids(house, settings):
    response = push(house, as_file(mr(1, study=9)), as_file(mr(2, study=9)))
    assert (response.status_code, response["Content-Type"]) == (200, "application/dicom+json")
    assert FAILED not in response.json()
    stored = items(response, REFERENCED)
    assert [said(item, "00081155") for item in stored] == [
        replaced_uid(f"{SENDERS_ROOT}.1.{seed}", key(settings)) for seed in (1, 2)
    ]
    assert {said(item, "00081150") for item in stored} == {MR_STORAGE}
    study = Study.objects.get(origin="dicomweb")
    assert {said(item, "0020000D") for item in stored} == {study.study_uid}
    assert {said(item, "0020000E") for item in stored} == set(
        DicomFacts.objects.values_list("series_uid", flat=True)
    )
    assert study.images.count() == 2


def test_some_stored_is_202_and_says_which_were_not(house, settings):
    ct = as_file(mr(2, Modality="CT"))
    response = push(house, as_file(mr(1)), ct, b"no DICOM at all", picture_png(1))
    assert response.status_code == 202
    assert len(items(response, REFERENCED)) == 1
    (failed,) = items(response, FAILED)
    assert said(failed, "00081155") == replaced_uid(f"{SENDERS_ROOT}.1.2", key(settings))
    assert said(failed, "00081197") == 0x0122
    assert [said(item, "00081197") for item in items(response, OTHER)] == [0xC000, 0xC000]
    assert "Only MR images" in response["Warning"]
    assert AuditEvent.objects.get(action="upload.refused").data["files"] == 3


def test_none_stored_is_409_and_leaves_one_line_in_the_audit(house):
    before = stored_rows()
    response = push(house, b"", picture_png(1))
    assert (response.status_code, response["Content-Type"]) == (409, "application/dicom+json")
    assert len(items(response, OTHER)) == 2
    assert stored_rows() == before
    assert AuditEvent.objects.filter(action="upload.refused").count() == 1


def test_the_same_again_is_200_with_the_same_uids_and_stores_nothing(house):
    data = as_file(mr(1, frames=2, SOPClassUID=ENHANCED_MR_STORAGE))
    first, before = push(house, data), stored_rows()
    again = push(house, data)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert said(items(first, REFERENCED)[0], "00081150") == ENHANCED_MR_STORAGE
    assert stored_rows() | {"Study": 2} == before | {"Study": 2}
    assert Image.objects.exclude(pk=house.image.pk).count() == 2


def test_writing_in_the_pixels_is_accepted_with_a_warning(house):
    response = push(house, as_file(mr(1, BurnedInAnnotation="YES")))
    assert response.status_code == 202
    assert said(items(response, REFERENCED)[0], "00081196") == 0xB000
    assert "In quarantine" in response["Warning"]
    assert Image.objects.exclude(pk=house.image.pk).count() == 0


def test_a_push_of_one_study_takes_no_other(house, settings, caplog):
    with caplog.at_level(logging.DEBUG):
        response = push(
            house, as_file(mr(1)), as_file(mr(2)), address=f"/dicom-web/studies/{SENDERS_ROOT}.2.1"
        )
    assert response.status_code == 202
    (failed,) = items(response, FAILED)
    assert said(failed, "00081155") == replaced_uid(f"{SENDERS_ROOT}.1.2", key(settings))
    assert said(failed, "00081197") == 0xA900
    assert SENDERS_ROOT not in caplog.text


def test_nothing_of_the_sender_is_kept_answered_or_logged(house, caplog):
    with caplog.at_level(logging.DEBUG):
        answers = [
            push(house, as_file(mr(1, subject="Subject-4711"))),
            push(house, as_file(mr(2, Modality="CT")), address=f"/dicom-web/studies/{SENDERS_ROOT}.2.2"),
            push(
                house, as_file(mr(2)), address=f"/dicom-web/studies/{SENDERS_ROOT}.2.2/series/{SENDERS_ROOT}"
            ),
            push(house, as_file(mr(2)), address=f"/dicom-web/studies/{SENDERS_ROOT}.2.2", name="bob"),
            Client().get(f"/dicom-web/studies/{SENDERS_ROOT}.2.2", headers=house.token("alice")),
        ]
    assert [answer.status_code for answer in answers] == [200, 409, 400, 403, 405]
    everything = b"\n".join(
        [everything_stored(), caplog.text.encode(), *(answer.content for answer in answers)]
    )
    for planted in (SENDERS_ROOT, "Subject-4711", "Test^Subject"):
        assert planted.encode() not in everything


@pytest.fixture
def console() -> Iterator[io.StringIO]:
    """What is written to the console, by the handler that the settings made."""
    (handler,) = (one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler)
    said = io.StringIO()
    before = handler.setStream(said)
    yield said
    handler.setStream(before)


class TestAnswersOfNoView:
    """The line that Django writes of an answer that is an error holds the address, whoever gave the answer."""

    @pytest.mark.parametrize(
        "address",
        [
            f"/dicom-web/collections/mistyped/studies/{SENDERS_ROOT}.2.2",
            f"/dicom-web/rs/studies/{SENDERS_ROOT}.2.2",
            f"/dicomWeb/studies/{SENDERS_ROOT}.2.2",
            f"/pacs/dicom-web/ {SENDERS_ROOT}/\n{SENDERS_ROOT}",
        ],
    )
    def test_what_is_not_there(self, house, console, address):
        assert push(house, b"", address=address).status_code == 404
        assert "django.request Not Found: /" in console.getvalue()
        assert SENDERS_ROOT not in console.getvalue()

    def test_another_host(self, house, console):
        address = f"/dicom-web/studies/{SENDERS_ROOT}.2.2"
        assert push(house, b"", address=address, SERVER_NAME="elsewhere.example").status_code == 400
        assert "Invalid HTTP_HOST header: 'elsewhere.example'" in console.getvalue()
        assert SENDERS_ROOT not in console.getvalue()

    def test_a_fault(self, house, console, monkeypatch):
        def fails(*_, study_uid, **__):
            try:
                raise KeyError(study_uid)
            except KeyError as error:
                raise RuntimeError(f"About {study_uid}.") from error

        monkeypatch.setattr(views, "receive_push", fails)
        address = f"/dicom-web/studies/{SENDERS_ROOT}.2.2"
        assert push(house, as_file(mr(1)), address=address).status_code == 500
        said = console.getvalue()
        assert "django.request Internal Server Error: /dicom-web/…" in said
        assert "in fails" in said
        assert said.index("KeyError\n") < said.index("RuntimeError\n")
        assert SENDERS_ROOT not in said

    def test_elsewhere_a_fault_keeps_its_words(self, house, console):
        try:
            raise RuntimeError("What happened.")
        except RuntimeError:
            logging.getLogger("classifier").exception("It failed.")
        assert "RuntimeError: What happened." in console.getvalue()


class TestWho:
    def basic(self, name: str, password: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}

    def test_a_token_comes_in_three_forms(self, house):
        token = make_token(user=house.people["alice"], name="pacs")[1]
        for headers in (
            {"Authorization": f"Token {token}"},
            {"Authorization": f"Bearer {token}"},
            self.basic("alice", token),
        ):
            response = push(house, as_file(mr(1)), headers=headers)
            assert response.status_code == 200, response.content

    @pytest.mark.parametrize("headers", [
        {"X": "y"}, {"Authorization": "Basic"}, {"Authorization": "Basic %%%"}, {"Authorization": "Token " + "0" * 64},
        {"Authorization": "Digest x"}, {"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
    ])  # fmt: skip
    def test_what_is_no_token_is_401(self, house, headers):
        response = push(house, as_file(mr(1)), headers=headers)
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Basic ")
        assert response["Content-Type"] == "application/problem+json"

    def test_neither_another_users_token_nor_a_password_nor_a_cookie_is_one(self, house):
        token = make_token(user=house.people["alice"], name="pacs")[1]
        house.people["alice"].set_password("correct horse battery staple")
        house.people["alice"].save()
        for headers in (self.basic("bob", token), self.basic("alice", "correct horse battery staple")):
            assert push(house, as_file(mr(1)), headers=headers).status_code == 401
        signed_in = house.client("alice").generic("POST", "/dicom-web/studies", related(b"x"), RELATED)
        assert signed_in.status_code == 401

    def test_a_reader_may_not_and_a_stranger_finds_nothing(self, house):
        named = f"/dicom-web/collections/{house.collection.pk}/studies"
        assert push(house, as_file(mr(1)), name="bob").status_code == 403
        assert push(house, as_file(mr(1)), name="bob", address=named).status_code == 403
        assert push(house, as_file(mr(1)), name="loner").status_code == 403
        theirs = push(house, as_file(mr(1)), name="charlie", address=named)
        missing = push(
            house,
            as_file(mr(1)),
            address=named.replace(str(house.collection.pk), "0" * 8 + str(house.collection.pk)[8:]),
        )
        assert (theirs.status_code, missing.status_code) == (404, 404)
        assert theirs.json()["detail"] == missing.json()["detail"]

    def test_a_token_without_the_scope_may_not(self, house):
        token = make_token(user=house.people["alice"], name="pacs", scopes=["read"])[1]
        assert push(house, as_file(mr(1)), headers={"Authorization": f"Token {token}"}).status_code == 403

    def test_who_sends_into_several_collections_says_which(self, house):
        from mriplatform.accounts.roles import Role

        house.people["alice"].memberships.create(collection=house.elsewhere, role=Role.UPLOADER)
        response = push(house, as_file(mr(1)))
        assert response.status_code == 400
        assert "/dicom-web/collections/" in response.json()["detail"]
        named = f"/dicom-web/collections/{house.elsewhere.pk}/studies"
        assert push(house, as_file(mr(1)), address=named).status_code == 200
        assert Study.objects.get(origin="dicomweb").collection == house.elsewhere


class TestMalformed:
    @pytest.mark.parametrize(
        ("content_type", "status"),
        [
            ("multipart/form-data; boundary=B", 415),
            ("application/dicom", 415),
            ("application/json", 415),
            ('multipart/related; type="application/dicom+xml"; boundary=B', 415),
            ('multipart/related; type="application/dicom"', 400),
            ("multipart/related; boundary=" + "x" * 3000, 400),
        ],
    )
    def test_another_type(self, house, content_type, status):
        response = push(house, as_file(mr(1)), content_type=content_type)
        assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")

    def test_a_part_of_another_type(self, house):
        body = related(as_file(mr(1)), kind=b"image/jpeg")
        assert push(house, body=body).status_code == 415

    def test_a_compressed_body(self, house):
        assert push(house, headers=house.token("alice") | {"Content-Encoding": "gzip"}).status_code == 415

    @pytest.mark.parametrize("cut", [5, 9, 2000])
    def test_a_body_that_breaks_off_stores_nothing(self, house, cut):
        before = stored_rows()
        body = related(as_file(mr(1)), as_file(mr(2)))[:-cut]
        response = push(house, body=body)
        assert (response.status_code, response.json()["code"]) == (400, "incomplete_request")
        assert stored_rows() == before

    def test_a_content_length_that_says_too_much(self, house):
        body = related(as_file(mr(1)))
        lie = {"CONTENT_LENGTH": str(len(body) + 10), "wsgi.input": io.BytesIO(body)}
        response = push(house, body=body, **lie)
        assert response.status_code == 400

    def test_no_instance(self, house):
        assert push(house, body=b"--B--\r\n").status_code == 400

    def test_too_many_too_large_too_much(self, house, settings):
        settings.STOW_MAX_INSTANCES = 1
        assert push(house, as_file(mr(1)), as_file(mr(2))).status_code == 413
        settings.UPLOAD_MAX_DICOM_BYTES = 2000
        response = push(house, as_file(mr(1)))
        assert response.status_code == 409
        assert said(items(response, OTHER)[0], "00081197") == 0xA700
        settings.UPLOAD_MAX_REQUEST_BYTES = 1000
        assert push(house, as_file(mr(1))).status_code == 413

    def test_what_unpacks_to_too_much(self, house, settings):
        packed = as_file(mr(1, rows=256, columns=256), TAKEN["jpeg-2000"])
        settings.UPLOAD_MAX_REQUEST_BYTES = len(related(packed)) + 1000
        before = stored_rows()
        response = push(house, packed)
        assert (response.status_code, response.json()["code"]) == (413, "too_much_unpacked")
        assert stored_rows() == before

    def test_no_room_for_what_it_unpacks_to(self, house, settings):
        packed = as_file(mr(1, rows=256, columns=256), TAKEN["jpeg-2000"])
        settings.UPLOAD_BYTES_PER_USER = len(packed) + 10_000
        before = stored_rows()
        response = push(house, packed)
        assert (response.status_code, response.json()["code"]) == (507, "storage_quota_reached")
        assert stored_rows() == before

    def test_too_full_leaves_one_line_in_the_audit(self, house, settings):
        settings.UPLOAD_BYTES_PER_USER = 1
        assert push(house, as_file(mr(1)), as_file(mr(2))).status_code == 507
        line = AuditEvent.objects.get(action="upload.refused")
        assert (line.data["codes"], len(line.data["bytes_keys"])) == (["storage_quota_reached"], 2)
        assert not Study.objects.filter(origin="dicomweb").exists()

    def test_too_often_and_too_full(self, house, settings):
        settings.UPLOADS_PER_MINUTE = 1
        response = push(house, as_file(mr(1)))
        assert response.status_code == 429
        assert response["Retry-After"] == "60"
        settings.UPLOADS_PER_MINUTE = 60
        settings.UPLOAD_BYTES_PER_USER = 1000
        assert push(house, as_file(mr(1))).status_code == 507

    @pytest.mark.parametrize("uid", ["abc", "1.2.3/", "1" * 65])
    def test_an_address_with_no_uid(self, house, uid):
        assert push(house, as_file(mr(1)), address=f"/dicom-web/studies/{uid}").status_code == 400

    def test_no_other_method_and_no_query(self, house):
        client = Client(headers=house.token("alice"))
        assert client.get("/dicom-web/studies").status_code == 405
        assert push(house, as_file(mr(1)), address="/dicom-web/studies?PatientID=1").status_code == 400
