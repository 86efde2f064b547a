"""Who stands in the columns of the matrix, what stands behind every address, and how each is asked.

The house is that of the browser tests, so that every address has something real behind it; all that a request
changes is taken back before the next one.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.db.models import UUIDField
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from classifier.models import Archive, Prediction, QuarantinedImage, Shadow, Study
from ml.gate import DEFAULT_CRITERIA
from mriplatform.accounts.models import User
from mriplatform.accounts.roles import Role
from mriplatform.accounts.services import make_token
from mriplatform.webhooks.services import make_endpoint, send_test
from reviews.models import KnownCase, Rescore
from tests.classifier.intake.dicom_files import as_file, mr
from tests.e2e.house import House, build
from tests.factories import analysed_image, make_collection, make_user
from tests.pictures import picture_png
from tests.reviews.walk import ASKED, FIGURES, FIRST_READ, RANDOM, Ask

BACKEND = "mriplatform.accounts.backends.RoleBackend"
# The columns, in their order. Who holds a role of the house holds it in all its collections.
ROLES = {
    "U": Role.UPLOADER,
    "I": Role.INTAKE_REVIEWER,
    "R": Role.RADIOLOGIST,
    "D": Role.ADJUDICATOR,
    "E": Role.ML_ENGINEER,
    "P": Role.APPROVER,
    "A": Role.AUDITOR,
    "M": Role.ADMIN,
}
COLUMNS = (*ROLES, "S", "X", "Y", "-")
"""S: a superuser without any membership. X: everything but a reader, in another collection. Y: radiologist and
adjudicator there. -: not signed in; whoever is deactivated is answered like that too."""
OUTSIDERS = ("X", "Y")
# What belongs to the platform, and is shown to everybody who may see models.
OF_ALL = {
    *("ModelVersion", "Promotion", "Proposal", "Evaluation", "LoadCheck"),
    *("GateRule", "GateDecision", "GateRequest", "TrainingRun"),
}
STAFF = {Role.ML_ENGINEER, Role.APPROVER, Role.AUDITOR, Role.ADMIN}


@dataclass
class Building:
    """The house, those who knock at its doors, and what each address finds behind it.

    Attributes:
        people: by column; "-" is missing, "deactivated" was the administrator of the house.
        things: by the name of the parameter that addresses have for it; under "name parameter" for one address only.
        secrets: the identifiers of all that is in the house and not of everybody.
        kept_apart: those of what waits in quarantine.
    """

    house: House
    people: dict[str, User]
    elsewhere: UUID
    things: dict[str, Any]
    secrets: frozenset[str]
    kept_apart: frozenset[str]
    sessions: dict[str, str]
    tokens: dict[str, str]

    def client(self, column: str) -> Client:
        client = Client(raise_request_exception=False)
        if column in self.sessions:
            client.cookies["sessionid"] = self.sessions[column]
        return client

    def headers(self, name: str, column: str) -> dict[str, str]:
        """What a request brings beside the session: DICOMweb's door knows tokens alone."""
        by_token = name.startswith("dicomweb-") and column in self.tokens
        return {"Authorization": f"Token {self.tokens[column]}"} if by_token else {}

    def thing(self, name: str, parameter: str) -> UUID:
        return self.things.get(f"{name} {parameter}") or self.things[parameter]


def furnish() -> Building:
    house = build()
    people = {column: house.people[role.value] for column, role in ROLES.items()}
    people["M"] = _member(house, "mona", Role.ADMIN)
    people["S"] = make_user("root", is_staff=True, is_superuser=True)
    people["deactivated"] = _member(house, "gone", Role.ADMIN)
    things = _things(house)
    secrets = _secrets(house)
    elsewhere = make_collection("Elsewhere")
    people["X"] = make_user("xavier", is_staff=True)
    people["Y"] = make_user("yara")
    for role in Role:
        reads = role in (Role.RADIOLOGIST, Role.ADJUDICATOR)
        people["Y" if reads else "X"].memberships.create(collection=elsewhere, role=role)
    analysed_image(elsewhere, label="pituitary")
    sessions = {column: _session(user) for column, user in people.items()}
    tokens = {column: make_token(user=user, name="matrix")[1] for column, user in people.items()}
    User.objects.filter(username="gone").update(is_active=False)
    kept_apart = frozenset(str(row.pk) for row in QuarantinedImage.objects.all())
    return Building(house, people, elsewhere.pk, things, secrets, kept_apart, sessions, tokens)


def _session(user: User) -> str:
    client = Client()
    client.force_login(user, BACKEND)
    return client.cookies["sessionid"].value


def _member(house: House, name: str, role: Role) -> User:
    user = make_user(name, is_staff=role in STAFF)
    for collection in (house.collection, house.assisted, house.empty):
        user.memberships.create(collection=collection, role=role)
    return user


def _secrets(house: House) -> frozenset[str]:
    """Every identifier in the house that no outsider may ever be told."""
    found = {str(pk) for pk in (house.collection.pk, house.assisted.pk, house.empty.pk)}
    for app in ("classifier", "reviews", "outbox"):
        for model in apps.get_app_config(app).get_models():
            if model.__name__ not in OF_ALL and isinstance(model._meta.pk, UUIDField):
                found |= {str(pk) for pk in model._default_manager.values_list("pk", flat=True)}
    return frozenset(found)


def _things(house: House) -> dict[str, Any]:
    things, readings = house.things, house.readings
    failed = Prediction.objects.get(image__study=things["failed"])
    decided = things["decided"]
    steps = {"reading-reveal": "reveal", "reading-verdict": "verdict", "reading-undo": "reveal"}
    steps |= {"reading-amend": "done", "reading-withdraw": "done", "api-range-first-read": "first_read"}
    steps |= {
        f"api-{name.removeprefix('reading-')}": step for name, step in steps.items() if "range" not in name
    }
    places = {
        "collection_id": house.collection.pk,
        "study_id": things["study"].pk,
        "image_id": decided.pk,
        "prediction_id": Prediction.objects.filter(image=decided, for_comparison=False).get().pk,
        "prediction-retry prediction_id": failed.pk,
        "api-prediction-retry prediction_id": failed.pk,
        "version_id": things["other"].pk,
        "rule_id": things["decision"].rule_id,
        "decision_id": things["decision"].pk,
        "proposal_id": things["proposal"].pk,
        "reading_id": readings["first_read"].pk,
        "label_set_id": things["label_set"].pk,
        "run_id": things["run"].pk,
        "training-run-cancel run_id": things["running"].pk,
        "api-training-run-cancel run_id": things["running"].pk,
        "shadow_id": Shadow.objects.get().pk,
        "rescore_id": Rescore.objects.filter(collection=house.collection).get().pk,
        "disagreement image_id": things["disputed"].pk,
        "api-disagreement image_id": things["disputed"].pk,
        "read-image image_id": readings["first_read"].image_id,
    }
    endpoint, _ = make_endpoint(
        owner=house.people["ml_engineer"], collection=house.collection, url="https://8.8.8.8/hook",
        kinds=["study.final"],
    )  # fmt: skip
    archive = Archive.objects.create(
        collection=house.collection, created_by=house.people["uploader"], size=1000,
        expires_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    places |= {
        "endpoint_id": endpoint.pk,
        "delivery_id": send_test(actor=house.people["ml_engineer"], endpoint=endpoint).pk,
        "archive_id": archive.pk,
        "quarantined_id": QuarantinedImage.objects.filter(collection=house.collection, status="waiting")[
            0
        ].pk,
        "number": 1,
        "study_uid": "1.2.3",
    }
    known = KnownCase.objects.get().image_id
    places |= {f"{door}known-case-take-back image_id": known for door in ("", "api-")}
    return places | {f"{name} reading_id": readings[step].pk for name, step in steps.items()}


# What is sent where the walk's word for it would not get to the end of this house.
SENDS: dict[tuple[str, str], Ask] = {
    ("token-make", "POST"): Ask("POST", {"name": "matrix", "days": "30"}),
    ("figures-download", "GET"): Ask(query=f"figure={FIGURES[0]}"),
    ("own-figures-download", "GET"): Ask(query=f"figure={FIGURES[0]}"),
    ("label-set-compare-download", "GET"): Ask(query="with=<label_set_id>"),
    ("api-gate-rules", "POST"): Ask(
        "POST", {"allowed_change": "a", "protocol": "p", "criteria": DEFAULT_CRITERIA, "impact": "i"}
    ),
    ("api-archives", "POST"): Ask("POST", {"collection": "<collection_id>", "size": 1000}),
    ("api-webhook-redeliver", "POST"): Ask("POST"),
    ("api-members", "POST"): Ask("POST", {"user": "uma", "role": "auditor"}),
    ("api-member-revoke", "POST"): Ask("POST", {"user": "chen", "role": "radiologist"}),
    ("api-range-first-read", "POST"): Ask(
        "POST",
        {"first": "<read-image image_id>", "last": "<read-image image_id>", **FIRST_READ, "active_ms": 0},
    ),
}
NOT_OBJECTS = {"number": 1, "study_uid": "1.2.3"}
"""Parameters that name nothing that could be another's."""
RELATED = 'multipart/related; type="application/dicom"; boundary=B'
OCTETS = "application/octet-stream"
FILES = {"api-label-set-imports": ("header", "manifest")}
"""The fields in which an address takes files, where it is not one list of images."""


@dataclass(frozen=True)
class Address:
    """One pattern of the resolver."""

    name: str
    route: str

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"<\w+:(\w+)>", self.route)

    def filled(self, values: Mapping[str, object]) -> str:
        return "/" + re.sub(r"<\w+:(\w+)>", lambda match: str(values[match[1]]), self.route)

    def of(self, building: Building) -> str:
        return self.filled({one: building.thing(self.name, one) for one in self.parameters})

    def of_nothing(self) -> str:
        return self.filled({one: NOT_OBJECTS.get(one, uuid4()) for one in self.parameters})


def addresses(patterns: Any = None, prefix: str = "") -> Iterator[Address]:
    """Every address that there is but the admin's."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(entry.pattern)
        if route.startswith("admin/"):
            continue
        if isinstance(entry, URLPattern):
            yield Address(entry.name or "", route)
        else:
            yield from addresses(entry.url_patterns, route)


def ask_of(name: str, method: str) -> Ask:
    """What is sent to an address by a method: the first that the walk sends, or nothing."""
    chosen = SENDS.get((name, method))
    walked = (ask for ask in ASKED.get(name, ()) if ask.method == method and not ask.fragment)
    return chosen or next(walked, Ask(method))


def send(
    building: Building, client: Client, name: str, method: str, address: str, headers: Mapping[str, str] = {}
) -> Any:
    """The answer to what is asked of an address; whatever that changed is taken back."""
    with transaction.atomic():
        response = _sent(building, client, name, ask_of(name, method), address, dict(headers))
        response.text_of_it = b"".join(response.streaming_content) if response.streaming else response.content
        transaction.set_rollback(True)
    return response


def _sent(
    building: Building, client: Client, name: str, ask: Ask, address: str, headers: dict[str, str]
) -> Any:
    method = getattr(client, ask.method.lower())
    if name.startswith("dicomweb-"):
        pushed = b"--B\r\nContent-Type: application/dicom\r\n\r\n" + as_file(mr(4711)) + b"\r\n--B--\r\n"
        return client.generic(ask.method, address, pushed, RELATED, headers=headers)
    if (name, ask.method) == ("api-archive-part", "PUT"):
        return client.put(address, bytes(1000), OCTETS, headers=headers)
    if ask.method in ("GET", "HEAD", "OPTIONS"):
        return method(f"{address}?{filled(building, ask.query)}" if ask.query else address, headers=headers)
    sends = {key: filled(building, value) for key, value in ask.sends.items()}
    if ask.etag:
        headers["If-Match"] = _etag(client, address)
    if ask.pixels:
        fields = FILES.get(name, ("files",))
        return client.post(address, sends | {one: upload() for one in fields}, headers=headers)
    if address.startswith("/api/"):
        return method(address, json.dumps(sends), content_type="application/json", headers=headers)
    return method(address, sends, headers=headers)


def _etag(client: Client, address: str) -> str:
    of = address if address.endswith(("/protocol", "/eligibility")) else address.rpartition("/")[0]
    return str(client.get(of).headers.get("ETag", '"none"'))


def etag_of(client: Client, name: str, method: str, address: str) -> dict[str, str]:
    """The state that what is asked of an address rests on, as the header that says so."""
    return {"If-Match": _etag(client, address)} if ask_of(name, method).etag else {}


def upload() -> SimpleUploadedFile:
    return SimpleUploadedFile("a.png", picture_png(4711), "image/png")


def filled(building: Building, value: Any) -> Any:
    """What is sent, with the house's things in it."""
    if not isinstance(value, str):
        return value
    return re.sub(r"<([\w -]+)(?::\d)?>", lambda match: str(building.things[match[1]]), value)


NEW_EACH_TIME = {"X-Request-ID", "Content-Security-Policy", "Set-Cookie", "Content-Length", "Location"}


def comparable(response: Any, *addressed: str) -> bytes:
    """Status, headers and body without what is new with each request, and without the address itself."""
    body = response.text_of_it.replace(response.headers.get("X-Request-ID", "\0").encode(), b"REQUEST")
    for address in addressed:
        body = body.replace(address.encode(), b"ADDRESS")
    for pattern, stand_in in RANDOM:
        body = pattern.sub(stand_in, body)
    kept = sorted(
        f"{name}: {value}"
        for name, value in response.headers.items()
        if name not in NEW_EACH_TIME and not name.startswith("X-RateLimit")
    )
    return f"{response.status_code} {kept}\n".encode() + body


def inside_things(building: Building) -> set[UUID]:
    """What there is in the house and not of everybody."""
    of_all = {"version_id", "rule_id", "decision_id", "proposal_id", "run_id"}
    return {
        value
        for key, value in building.things.items()
        if key.split()[-1] not in of_all and isinstance(value, UUID)
    }


def outside_things(building: Building) -> set[UUID]:
    """What there is in the other collection."""
    image = Study.objects.get(collection_id=building.elsewhere).images.get()
    return {building.elsewhere, image.study_id, image.pk, image.predictions.get().pk}


def own_place(building: Building, parameter: str) -> UUID:
    """What X asks at: its own collection, study and image, what is everybody's, else what there is not."""
    image = Study.objects.get(collection_id=building.elsewhere).images.get()
    own = {"collection_id": building.elsewhere, "study_id": image.study_id, "image_id": image.pk}
    of_all = {key: building.things[key] for key in ("version_id", "rule_id", "decision_id", "proposal_id")}
    return (own | of_all).get(parameter) or uuid4()


ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAMED = re.compile(r"<(collection_id|study_id|image_id|label_set_id|reading_id|prediction_id)(?::\d)?>")


def send_naming(
    building: Building, client: Client, name: str, method: str, address: str
) -> Iterator[tuple[tuple[Any, str], tuple[Any, str]]]:
    """The answers to everything that is sent to an address and names things: those of the house, and nothing's."""
    for ask in ASKED.get(name, ()):
        said = {**ask.sends, "": ask.query}
        if ask.method != method or not any(NAMED.search(str(value)) for value in said.values()):
            continue
        answers = []
        for thing in (lambda match: str(building.things[match[1]]), lambda match: str(uuid4())):
            filled = {key: NAMED.sub(thing, v) if isinstance(v, str) else v for key, v in said.items()}
            named = ID.findall(" ".join(map(str, filled.values())))
            query = filled.pop("")
            with transaction.atomic():
                response = _sent(building, client, name, replace(ask, sends=filled, query=query), address, {})
                response.text_of_it = response.content
                transaction.set_rollback(True)
            answers.append((response, *named))
        yield answers[0], answers[1]
