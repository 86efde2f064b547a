"""Asks a platform for everything that one person can get from it, so that two worlds can be held against each other.

Every address that there is must be in `ASKED`, with what is sent to it: one that is not there fails the walk.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count, product
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver

# Nothing of ours, and the same for everybody: the admin lets no reader in, the API's description reads no rows.
ELSEWHERE = ("admin/", "api/v1/schema", "api/v1/docs")
# New with every request, and so different in the same world too.
RANDOM = [
    (re.compile(rb"nonce[-=]\"?[\w+/=-]{16,}"), b"NONCE"),
    (
        re.compile(rb"(csrfmiddlewaretoken\" value=\"|X-CSRFToken\": ?\"|X-CSRFToken&quot;: &quot;)\w+"),
        b"TOKEN",
    ),
    (re.compile(rb"\d\d:\d\d(:\d\d(\.\d+)?)?"), b"TIME"),
    (re.compile(rb"whsec_[\w+/=]{40,}"), b"SECRET"),
    (re.compile(rb"seconds=\"\d+\"|\d+ (seconds?|minutes?) ago|just now"), b"AGO"),
]
# The policy holds the nonce; cookies are compared by themselves; the length counts where nothing was random.
RANDOM_HEADERS = {
    "Content-Security-Policy",
    "Set-Cookie",
    "Content-Length",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
}
RANDOM_COOKIES = {settings.CSRF_COOKIE_NAME, settings.SESSION_COOKIE_NAME}

KEY = UUID(int=7)
NOBODYS = UUID(int=9)
REGION = {"shape": "box", "x": 0.5, "y": 0.5, "width": 0.2, "height": 0.2}
FINDINGS = {"image_quality": "limited", "location": "frontal", "active_ms": 0}
FORM = FINDINGS | {"region": json.dumps(REGION), "idempotency_key": str(KEY)}
SAID = FINDINGS | {"region": REGION}
FIRST_READ = {"label": "glioma", "confidence": 2}
# Neither confirms nor corrects, so what it means does not follow from the machine's answer.
VERDICT = {"label": "not_assessable"}


@dataclass(frozen=True)
class Ask:
    """One way to ask an address: what is sent, and what must be had first.

    Attributes:
        etag: the kind of address whose ETag goes with it, as the start of a path of the API.
        pixels: an upload of the pixels of this image goes with it (a parameter of the walk).
    """

    method: str = "GET"
    sends: Mapping[str, Any] = field(default_factory=dict)
    query: str = ""
    fragment: bool = False
    etag: bool = False
    pixels: bool = False

    def __str__(self) -> str:
        sent = json.dumps(self.sends) if self.sends else ""
        return " ".join(filter(None, [self.method, self.query, "fragment" * self.fragment, sent]))


LOOK = (Ask(), Ask(fragment=True))
NEVER = (Ask("POST"),)


def _look(*queries: str) -> tuple[Ask, ...]:
    return (*LOOK, *(Ask(query=query) for query in queries))


def _send(*forms: Mapping[str, Any]) -> tuple[Ask, ...]:
    """By POST, as a page without scripts and as one with them; and by GET, as after a sign-in."""
    return (Ask(), *(Ask("POST", form, fragment=fragment) for form in forms for fragment in (False, True)))


def _post(*documents: Mapping[str, Any], etag: bool = False) -> tuple[Ask, ...]:
    return tuple(Ask("POST", document, etag=etag) for document in documents)


COLLECTION, STUDY, IMAGE, VERSION = "<collection_id>", "<study_id>", "<image_id>", "<version_id>"
RESCORE = {"model_version": VERSION, "per_minute": 60, "reason": "r"}
RULES = {
    "mode": "assisted", "readers_per_image": 1, "adjudication_rule": "unanimity", "order": "entropy",
    "random_share": 0.2, "repeat_rate": 0, "known_rate": 0,
}  # fmt: skip
POLICY = {"rule": "single", "agreeing_reads": 2, "seen": "weigh", "seen_weight": 0.5}
DECISION = {"label": "glioma", "rationale": "r"}
HOOK = {"url": "https://8.8.8.8/hook", "kinds": ["prediction.succeeded"]}
KNOWN = {"image": IMAGE, "label": "glioma", "source": "histology"}
FIGURES = ("with_machine", "model_accuracy", "calibration", "automation_bias", "with_without", "class_mix")
OF_FIGURES = tuple(f"figure={name}" for name in FIGURES)

# What every address is asked, by the name that it has in the resolver.
ASKED: dict[str, tuple[Ask, ...]] = {
    "home": LOOK,
    "healthz": LOOK,
    "login": (Ask(),),
    "logout": NEVER,
    "account": (Ask(),),
    "token-make": NEVER,
    "token-revoke": NEVER,
    "password": (Ask(), Ask("POST")),
    "collection": _look("status=succeeded", "status=queued", "status=failed"),
    "upload": (
        *LOOK,
        Ask("POST", pixels=True),
        Ask("POST", {"grouping": "study_each"}, pixels=True, fragment=True),
    ),
    "archives": (*LOOK, Ask("POST")),
    "archive": _look("outcome=refused", "after=1"),
    "archive-live": _look("asked=1"),
    "archive-store": NEVER,
    "archive-cancel": NEVER,
    "not-assessable": LOOK,
    "predictions-download": (Ask(), Ask(query="not_assessable=true"), Ask(query="status=succeeded")),
    "collection-version": (Ask(), Ask("POST", {"version": VERSION, "reason": "r"})),
    "study": _look(f"image={IMAGE}"),
    "study-status": _look("asked=1"),
    "study-word": _look("asked=1"),
    "study-compare": _look(f"version={VERSION}"),
    "study-compare-status": _look(f"version={VERSION}&asked=1"),
    "study-ask": (Ask("POST", {"version": VERSION}),),
    "study-receipt": LOOK,
    "study-purge": (Ask(), Ask("POST", {"reason": "r"})),
    "image-pixels": (Ask(), Ask("HEAD")),
    "image-dicom": (Ask(), Ask("HEAD")),
    **{name: (Ask(),) for name in ("image-report", "image-saliency", "study-report", "study-results")},
    "image-hide": (Ask("POST"),),
    "quarantine": (*LOOK, Ask(query="decided")),
    "quarantined": LOOK,
    "quarantined-pixels": (Ask(), Ask("HEAD")),
    "quarantined-mask": (Ask("POST", {"mask": "0, 0, 9, 9", "reason": "r"}),),
    "quarantined-release": (Ask("POST", {"reason": "r"}),),
    "quarantined-reject": (Ask("POST", {"reason": "r"}),),
    "prediction-retry": (Ask("POST"),),
    "versions": LOOK,
    "version": LOOK,
    "version-propose": _send({"reason": "r"}),
    "proposal": LOOK,
    "proposal-approve": (Ask("POST", {"reason": "r"}), Ask("POST", {"reason": "r", "override_reason": "o"})),
    "proposal-decline": (Ask("POST", {"reason": "r"}),),
    "version-judge": (Ask("POST"),),
    "gate-rules": (*LOOK, Ask("POST", {"impact": "i"})),
    "gate-rule": LOOK,
    "gate-decision": LOOK,
    "roll-back": _send({"reason": "r", "version": "1"}),
    "in-force": _look("at=2026-03-01T12:00", f"collection={COLLECTION}"),
    "worklist": _look(f"study={STUDY}", "shape=square", "bits=8", "since=2020-01-01"),
    "read-next": (*_send({}, {"aside": "1"}),),
    "read-image": _send({}),
    "reading": _look("amend=1"),
    "reading-ahead": (Ask(),),
    "reading-first-read": _send(
        FORM | FIRST_READ,
        FORM | FIRST_READ | {"range_first": "1", "range_last": "2", "range_of": "2"},
        FIRST_READ,
    ),
    "reading-reveal": _send({"active_ms": 0}),
    "reading-verdict": _send(FORM | VERDICT, FORM | {"label": "glioma", "reason": "other", "note": "n"}),
    "reading-undo": _send({}),
    "reading-amend": _send(FORM | VERDICT, FORM | {"label": "glioma", "reason": "other", "note": "n"}),
    "reading-withdraw": _send({"reason": "slip", "idempotency_key": str(KEY)}),
    "reading-draft": tuple(
        Ask("POST", FORM | FIRST_READ | {"step": step}) for step in ("first_read", "verdict")
    ),
    "reading-identity": _send({}),
    "labels": LOOK,
    "labels-download": (Ask(),),
    "label-sets": LOOK,
    "label-set": _look("split=used", "label=glioma", "reason=r"),
    "label-set-entries-download": (Ask(), Ask(query="split=used")),
    "label-set-compare": (*LOOK, Ask(query="change=label")),
    "label-set-compare-download": (Ask(),),
    "import-labels": (*LOOK, Ask("POST", {"dataset": "d", "label": "glioma"}, pixels=True)),
    "label-errors": (*_look("page=2"), Ask("POST")),
    "label-errors-live": LOOK,
    "label-errors-send": (Ask("POST", {"top": "1"}), Ask("POST", {"image": IMAGE})),
    "label-set-export": (Ask(),),
    "label-set-freeze": (*LOOK, Ask("POST", {"if_sha256": "0" * 64})),
    "eligibility": (
        *_look("rule=single&seen=weigh", "split=used"),
        Ask("POST", POLICY | {"if_version": 0}),
    ),
    "disagreements": _look("decided", "page=2"),
    "disagreement": (*_look("again"), Ask("POST", DECISION)),
    "protocol": (*LOOK, Ask("POST", RULES | {"if_version": 1})),
    "known-cases": (*LOOK, Ask("POST", KNOWN)),
    "known-case-take-back": (Ask("POST", {"reason": "r"}),),
    "shadows": (*LOOK, Ask("POST", {"version": VERSION, "reason": "r"})),
    "shadow-end": _send({}),
    "rescores": (*LOOK, Ask("POST", {"per_minute": "60", "reason": "r"})),
    "rescores-live": LOOK,
    **{f"rescore-{change}": _send({}) for change in ("pause", "resume", "cancel")},
    "figures": LOOK,
    "own-figures": LOOK,
    "figures-compute": (Ask("POST"),),
    "label-set-retrain": (*LOOK, Ask("POST", {"recipe": "head", "seed": "0"})),
    "image-trace": LOOK,
    "retraining-plan": (*LOOK, Ask("POST", {"every_labels": "5", "recipe": "head"})),
    "training-runs": _look("before=9"),
    "training-run": LOOK,
    "training-run-live": _look("part=outlook"),
    "training-run-curve": (Ask("POST"),),
    "training-run-cancel": (*LOOK, Ask("POST")),
    "training-run-trace": _look("used_as=train", "label=glioma", "after=1"),
    "training-run-trace-download": (Ask(), Ask(query="used_as=train")),
    "figures-download": (Ask(), *(Ask(query=query) for query in OF_FIGURES)),
    "own-figures-download": (Ask(), *(Ask(query=query) for query in OF_FIGURES)),
    "webhooks": (*LOOK, Ask("POST", HOOK | {"place": COLLECTION, "kinds": "study.final"})),
    "webhook": _look(f"before={NOBODYS}"),
    **{f"webhook-{change}": NEVER for change in ("pause", "resume", "rotate", "test", "delete")},
    "webhook-redeliver": NEVER,
    "api-webhooks": (Ask(), *_post(HOOK | {"collection": COLLECTION}, HOOK)),
    "api-webhook": (Ask(), Ask("DELETE")),
    **{f"api-webhook-{change}": _post({}) for change in ("pause", "resume", "secret", "test")},
    "api-webhook-deliveries": (Ask(), Ask(query="state=held"), Ask(query="kind=prediction.failed")),
    "api-webhook-redeliver": _post({}),
    "api-collections": (Ask(), *_post({"name": "n"})),
    "api-tokens": (Ask(), *_post({"name": "n", "days": 400})),
    "api-token-revoke": _post({"id": "0" * 128}),
    "api-members": (Ask(), *_post({"user": "u", "role": "uploader"})),
    "api-member-revoke": _post({"user": "u", "role": "uploader"}),
    "api-collection-version": (Ask(), Ask("PUT", {"model_version": VERSION, "reason": "r"}, etag=True)),
    "api-studies": (
        Ask(),
        Ask(query="status=succeeded"),
        Ask("POST", {"collection": COLLECTION}, pixels=True),
    ),
    "api-study": (Ask(),),
    "api-study-purge": _post({"reason": "r"}),
    "api-study-receipt": (Ask(),),
    "dicomweb-studies": NEVER,
    "dicomweb-study": NEVER,
    "dicomweb-collection-studies": NEVER,
    "dicomweb-collection-study": NEVER,
    "api-archives": (Ask(), Ask(query="status=stored"), *_post({"collection": COLLECTION, "size": 100})),
    **{f"api-archive{part}": (Ask(),) for part in ("", "-parts", "-entries")},
    "api-archive-part": (Ask("PUT"),),
    **{f"api-archive-{act}": _post({}) for act in ("complete", "store", "cancel")},
    "api-image": (Ask(),),
    "api-quarantine": (Ask(), Ask(query="status=waiting")),
    "api-collection-quarantine": (Ask(),),
    "api-quarantined": (Ask(),),
    "api-quarantined-pixels": (Ask(), Ask("HEAD")),
    "api-quarantined-mask": _post({"masks": [{"left": 0, "top": 0, "width": 9, "height": 9}], "reason": "r"}),
    "api-quarantined-release": _post({"reason": "r"}),
    "api-quarantined-reject": _post({"reason": "r"}),
    "api-image-pixels": (Ask(), Ask("HEAD")),
    "api-image-dicom": (Ask(),),
    **{
        f"api-{name}": (Ask(),)
        for name in ("image-report", "image-saliency", "study-report", "study-results")
    },
    "api-image-hide": _post({}),
    "api-predictions": (
        *(
            Ask(query=query)
            for query in ("", "not_assessable=true", "not_assessable=false", f"study={STUDY}")
        ),
        *(Ask(query=query) for query in ("format=csv", "format=jsonl", f"format=csv&study={STUDY}")),
        *(Ask(query=query) for query in ("status=succeeded", f"image={IMAGE}", f"collection={COLLECTION}")),
        *_post({"study": STUDY, "model_version": VERSION}),
    ),
    "api-prediction": (Ask(),),
    "api-prediction-retry": _post({}),
    "api-model-versions": (Ask(),),
    "api-model-version-in-force": (Ask(), Ask(query=f"collection={COLLECTION}")),
    "api-roll-back": _post({"reason": "r"}),
    "api-version-judgements": (Ask(), *_post({})),
    "api-training-run-learning-curve": (Ask(), *_post({})),
    "api-gate-rules": (Ask(), *_post({"impact": "i"})),
    "api-gate-rule": (Ask(),),
    "api-gate-decisions": (Ask(), Ask(query=f"candidate={VERSION}")),
    "api-gate-decision": (Ask(),),
    "api-version-proposals": _post({"reason": "r"}),
    "api-proposals": (Ask(), Ask(query="open=true")),
    "api-proposal": (Ask(),),
    "api-proposal-approve": _post({"reason": "r"}),
    "api-proposal-decline": _post({"reason": "r"}),
    "api-promotions": (Ask(),),
    "api-model-version": (Ask(),),
    "api-readings": (
        Ask(),
        Ask(query=f"collection={COLLECTION}"),
        *_post(*({"collection": COLLECTION, "not_assessable": aside} for aside in (False, True))),
    ),
    "api-reading": (Ask(),),
    "api-reading-events": (Ask(),),
    "api-first-read": _post(SAID | FIRST_READ),
    "api-range-first-read": _post(SAID | FIRST_READ | {"first": "<image_id:1>", "last": IMAGE}),
    "api-reveal": _post({}),
    "api-verdict": _post(
        SAID | {"verdict": "not_assessable"},
        {"verdict": "confirm"},
        {"verdict": "correct", "label": "glioma", "reason": "other", "note": "n"},
    ),
    "api-amend": _post(SAID | {"verdict": "not_assessable"}, {"verdict": "confirm"}, etag=True),
    "api-withdraw": _post({"reason": "slip"}, etag=True),
    "api-undo": _post({}),
    "api-draft": (Ask("PUT", SAID | FIRST_READ, etag=True),),
    "api-labels": (Ask(), Ask(query="format=csv"), Ask(query="format=jsonl")),
    "api-disagreements": (Ask(),),
    "api-disagreement": (Ask(),),
    "api-collection-adjudications": (Ask(),),
    "api-adjudications": _post(DECISION | {"image": IMAGE}),
    "api-label-sets": (Ask(),),
    "api-eligibility": (Ask(), Ask("PUT", POLICY, etag=True)),
    "api-dry-run": (Ask(), Ask(query="rule=single&split=used")),
    "api-collection-label-sets": (Ask(), *_post({})),
    "api-label-set": (Ask(),),
    "api-label-set-entries": (Ask(), Ask(query="split=used"), Ask(query="format=csv")),
    "api-label-set-differences": (Ask(), Ask(query="change=label")),
    "api-manifest": (Ask(),),
    "api-likely-errors": (Ask(), Ask(query="size=1"), *_post({})),
    "api-label-set-send-back": _post({"top": 1}),
    "api-label-set-export": (Ask(),),
    "api-imports": (Ask("POST", {"dataset": "d", "labels": '[{"label": "glioma"}]'}, pixels=True),),
    "api-label-set-imports": (Ask("POST", {"dataset": "d"}, pixels=True),),
    "api-label-set-retrain": (Ask(), Ask(query="recipe=fine_tune"), *_post({"recipe": "head"})),
    "api-image-trace": (Ask(),),
    "api-retraining-plan": (Ask(), Ask("PUT", {"every_labels": 5}, etag=True)),
    "api-training-runs": (Ask(),),
    "api-training-run": (Ask(), Ask(query="since=1")),
    "api-training-run-cancel": _post({}),
    "api-training-run-trace": (Ask(), Ask(query="used_as=train")),
    "api-worklist": tuple(Ask(query=query) for query in ("", f"study={STUDY}", "shape=square", "limit=1")),
    "api-protocol": (Ask(), Ask("PUT", RULES, etag=True)),
    "api-known-cases": (Ask(), *_post(KNOWN)),
    "api-known-case-take-back": _post({"reason": "r"}),
    "api-shadows": (Ask(), *_post({"model_version": VERSION, "reason": "r"})),
    "api-shadow-end": _post({}),
    "api-rescores": (Ask(), *_post(RESCORE)),
    "api-rescore": (Ask(),),
    **{f"api-rescore-{change}": _post({}) for change in ("pause", "resume", "cancel")},
    "api-figures": (Ask(), *_post({}), *(Ask(query=query) for query in OF_FIGURES)),
    "api-own-figures": (Ask(), *(Ask(query=query) for query in OF_FIGURES)),
}


class Numbers:
    """Stands in for chance: the same numbers in both worlds, for each request from the same one on."""

    def start(self, number: int) -> None:
        self._numbers, self._apart = count(number), count(number)

    def urandom(self, size: int) -> bytes:
        return next(self._numbers).to_bytes(size)

    def apart(self) -> UUID:
        """For rows of which nothing that she is told tells how many there are: they take no other row's number."""
        return UUID(int=(7 << 76) + next(self._apart))


NUMBERS = Numbers()


def routes(patterns: Any = None, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every address that there is, as the resolver has it, with its name."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(entry.pattern)
        if route.startswith(ELSEWHERE):
            continue
        if isinstance(entry, URLPattern):
            yield route, entry.name or ""
        else:
            yield from routes(entry.url_patterns, route)


def addresses(things: Mapping[str, list[UUID]]) -> Iterator[tuple[str, str]]:
    """Every address, with each of the things that there are in place of its parameters, and its name."""
    for route, name in routes():
        names = re.findall(r"<uuid:(\w+)>", route)
        for chosen in product(*(things[parameter] for parameter in names)):
            filled = route
            for parameter, value in zip(names, chosen, strict=True):
                filled = filled.replace(f"<uuid:{parameter}>", str(value))
            yield f"/{re.sub('<int:[a-z]+>', '1', filled)}", name


class Walk:
    """All that one signed-in person can get.

    Args:
        things: what exists, by the name of the parameter that addresses have for it; the first of each stands in
            for it in what is sent, or the one that a number asks for.
        pixels: the PNG that is uploaded.
    """

    def __init__(self, session: str, things: Mapping[str, list[UUID]], pixels: bytes) -> None:
        self._session, self._things, self._pixels = session, things, pixels

    def everything(self) -> dict[tuple[str, str], tuple[int, bytes]]:
        """What is answered, by the way of asking and the address: status, and headers with body."""
        return {
            (str(ask), address): self._asked(ask, address)
            for address, name in addresses(self._things)
            for ask in ASKED[name]
        }

    def _asked(self, ask: Ask, address: str) -> tuple[int, bytes]:
        """What an address answers, without what is random; what the request changed is taken back."""
        NUMBERS.start(1000)
        client = Client(headers={"HX-Request": "true"} if ask.fragment else {})
        client.cookies[settings.SESSION_COOKIE_NAME] = self._session
        with transaction.atomic():
            response = self._sent(client, ask, address)
            body = b"".join(response.streaming_content) if response.streaming else response.content
            transaction.set_rollback(True)
        return response.status_code, _comparable(response, body)

    def _sent(self, client: Client, ask: Ask, address: str) -> Any:
        headers = {"If-Match": self._etag(client, address)} if ask.etag else {}
        if ask.query:
            address = f"{address}?{self._filled(ask.query)}"
        if ask.method in ("GET", "HEAD"):
            return getattr(client, ask.method.lower())(address)
        sends = {name: self._filled(value) for name, value in ask.sends.items()}
        if ask.pixels:
            sends["files"] = SimpleUploadedFile("a.png", self._pixels, "image/png")
            return client.post(address, sends)
        if address.startswith("/api/"):
            send = getattr(client, ask.method.lower())
            return send(address, json.dumps(sends), content_type="application/json", headers=headers)
        return client.post(address, sends)

    def _etag(self, client: Client, address: str) -> str:
        of = (
            address
            if address.endswith(("/protocol", "/eligibility", "/version", "/retraining-plan"))
            else address.rpartition("/")[0]
        )
        return client.get(of).headers.get("ETag", '"none"')

    def _filled(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return re.sub(
            r"<(\w+)(?::(\d))?>", lambda match: str(self._things[match[1]][int(match[2] or 0)]), value
        )


def _comparable(response: Any, body: bytes) -> bytes:
    # A message is signed with the time; what it says stands before the signature.
    cookies = [
        f"{name}={cookie.value.rsplit(':', 2)[0]}"
        for name, cookie in response.cookies.items()
        if name not in RANDOM_COOKIES
    ]
    headers = [f"{name}: {value}" for name, value in response.headers.items() if name not in RANDOM_HEADERS]
    answer = "\n".join(sorted(headers) + sorted(cookies)).encode() + b"\n\n" + body
    random = False
    for pattern, stand_in in RANDOM:
        answer, times = pattern.subn(stand_in, answer)
        random |= times > 0
    return answer if random else answer + str(response.headers.get("Content-Length")).encode()


def said_apart(one: tuple[int, bytes], other: tuple[int, bytes]) -> list[str]:
    """Both statuses, and the lines that one answer has and the other has not: what a failed test should show."""
    lines = [answer[1].decode("latin-1").splitlines() for answer in (one, other)]
    only = [line for mine, its in (lines, lines[::-1]) for line in mine if line not in its]
    return [f"{one[0]} {other[0]}", *(line.strip()[:200] for line in only[:6])]
