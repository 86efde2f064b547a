"""Proposing, deciding and going back by page and in the admin; what was in force when."""

from datetime import timedelta

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from classifier.models import LoadCheck, Promotion, Proposal, VersionChoice
from classifier.selectors import version_in_force
from classifier.services.promotion import approve, decline, propose
from classifier.services.registry import promote, record_evaluation
from ml.metrics import evaluate
from mriplatform.accounts.roles import Role
from tests.classifier.doors import House
from tests.factories import make_decision, make_user, make_version

PEOPLE = ["nobody", "charlie", "loner", "alice", "bob", "both", "erin", "paul", "otto", "ann"]
SEE = {"charlie", "erin", "paul", "otto", "ann"}


def measured(*versions):
    random = np.random.default_rng(1)
    labels = random.integers(0, 4, 200)
    for version in versions:
        scores = random.dirichlet(np.ones(4), 200) + 2 * np.eye(4)[labels]
        figures = evaluate(scores / scores.sum(axis=1, keepdims=True), labels, bootstrap=50)
        record_evaluation(version=version, part="reference part", part_sha256="a" * 64, figures=figures)


@pytest.fixture
def candidate(house: House):
    version = make_version(promoted=False)
    measured(house.prediction.model_version, version)
    return version


@pytest.fixture
def proposal(house: House, candidate):
    make_decision(candidate, house.prediction.model_version)
    return propose(actor=house.people["erin"], version=candidate, reason="It <b>learned</b>.")


@pytest.mark.parametrize("name", PEOPLE)
def test_who_sees_and_who_decides(house: House, name: str, proposal) -> None:
    client = house.client(name)
    seen = 302 if name == "nobody" else 200 if name in SEE else 403
    assert client.get(reverse("proposal", args=[proposal.pk])).status_code == seen
    assert client.get(reverse("in-force")).status_code == seen
    trains, promotes = name in ("charlie", "erin", "ann"), name in ("charlie", "paul", "ann")
    asked = client.get(reverse("version-propose", args=[proposal.version_id])).status_code
    assert asked == (302 if name == "nobody" else 200 if trains else 403)
    back = client.get(reverse("roll-back")).status_code
    assert back == (302 if name == "nobody" else 200 if trains or promotes else 403)
    client.post(reverse("proposal-approve", args=[proposal.pk]), {"reason": "Looked."})
    assert Promotion.objects.filter(proposal=proposal).exists() == promotes


@pytest.mark.parametrize("name", PEOPLE)
def test_who_declines(house: House, name: str, proposal) -> None:
    house.client(name).post(reverse("proposal-decline", args=[proposal.pk]), {"reason": "No."})
    # Whoever proposed it may take it back.
    assert hasattr(Proposal.objects.get(), "decline") == (name in ("charlie", "erin", "paul", "ann"))


def test_from_the_proposal_to_the_version_in_force_and_back(house: House, candidate) -> None:
    before = house.prediction.model_version
    decision = make_decision(candidate, before)
    at = reverse("version-propose", args=[candidate.pk])
    erin, paul = house.client("erin"), house.client("paul")
    assert "Propose it" in erin.get(at).content.decode()
    response = erin.post(at, {"reason": " "})
    assert (response.status_code, b"Say why" in response.content) == (400, True)
    response = erin.post(at, {"reason": "It learned."})
    proposal = Proposal.objects.get()
    assert response["Location"] == reverse("proposal", args=[proposal.pk])
    own = erin.get(response["Location"]).content.decode()
    assert "somebody else decides" in own
    assert "Put version" not in own
    shown = paul.get(response["Location"]).content.decode()
    # What the decision rests on stands before it: criteria, then figures, then the form.
    order = [decision.criteria[0]["sentence"], "<h2>Beside what is in force", "<h2>Decide</h2>"]
    assert [shown.index(words) for words in order] == sorted(shown.index(words) for words in order)
    assert shown.count('<svg class="chart"') == 7
    assert "as registered" in shown
    assert "overrid" not in shown
    done = paul.post(reverse("proposal-approve", args=[proposal.pk]), {"reason": "Compared."}, follow=True)
    assert f"{candidate} is in force; the next image is read by it." in done.content.decode()
    assert version_in_force() == candidate
    at = reverse("roll-back")
    assert f"Roll back to version {before.number}" in paul.get(at).content.decode()
    response = paul.post(at, {"reason": "Worse.", "version": candidate.number})
    assert (response.status_code, b"Somebody decided meanwhile" in response.content) == (409, True)
    erin.post(at, {"reason": "Worse on the ward.", "version": before.number})
    assert version_in_force() == before
    listed = paul.get(reverse("versions")).content.decode()
    assert "Worse on the ward." in listed
    assert "↩" in listed


def test_a_refusal_stands_on_the_page_with_its_status(house: House, proposal) -> None:
    at = reverse("proposal-approve", args=[proposal.pk])
    house.people["erin"].memberships.create(collection=house.collection, role=Role.APPROVER)
    response = house.client("erin").post(at, {"reason": "Mine."})
    assert (response.status_code, b"somebody else has to decide" in response.content) == (403, True)
    LoadCheck.objects.all().delete()
    response = house.client("paul").post(at, {"reason": "Fine."})
    assert (response.status_code, b"No worker has answered" in response.content) == (503, True)
    make_decision(proposal.version, house.prediction.model_version, "fail")
    response = house.client("paul").post(at, {"reason": "Fine."})
    assert (response.status_code, b"say why in an override" in response.content) == (409, True)
    assert b"Put it in force against the gate" in response.content
    assert version_in_force() == house.prediction.model_version


def test_an_override_is_seen_for_ever(house: House, candidate) -> None:
    proposal = propose(actor=house.people["erin"], version=candidate, reason="Now.")
    why = "Scanner 3 is all we have."
    approve(actor=house.people["paul"], proposal=proposal, reason="Fine.", override_reason=why)
    make_version()
    otto = house.client("otto")
    for page, arguments in (("versions", []), ("version", [candidate.pk]), ("proposal", [proposal.pk])):
        body = otto.get(reverse(page, args=arguments)).content.decode()
        assert why in body
        assert "gainst the gate" in body
    house.people["pia"] = make_user("pia", collection=house.collection, role=Role.APPROVER, is_staff=True)
    pia = house.client("pia")
    listed = pia.get(reverse("admin:classifier_modelversion_changelist")).content.decode()
    assert listed.count("Against the gate") == 1
    assert why in pia.get(reverse("admin:classifier_promotion_changelist")).content.decode()


def test_what_was_in_force_at_a_moment(house: House) -> None:
    start = timezone.now()
    first, second, third = (
        house.prediction.model_version,
        make_version(promoted=False),
        make_version(promoted=False),
    )
    moments = [start - timedelta(days=3 - day) for day in range(3)]
    for sequence, (version, at) in enumerate(zip((second, first, second), moments, strict=True), start=2):
        Promotion.objects.create(
            sequence=sequence,
            model_version=version,
            kind=Promotion.Kind.PROMOTE,
            reason=f"promotion {sequence}",
            at=at,
        )
    VersionChoice.objects.create(
        collection=house.collection, sequence=1, model_version=third, reason="Reads our scanner.",
        at=start - timedelta(days=1, hours=12),
    )  # fmt: skip
    client, at = house.client("paul"), reverse("in-force")
    middle = (moments[1] + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    assert f"Version {first.number} · " in said(client.get(at, {"at": middle}))
    assert "promotion 3" in said(client.get(at, {"at": middle}))
    assert f"Version {second.number} · " in said(client.get(at))
    here = {"collection": str(house.collection.pk)}
    late = (moments[1] + timedelta(hours=20)).strftime("%Y-%m-%dT%H:%M:%S")
    assert f"Version {third.number} · " in said(client.get(at, here | {"at": late}))
    assert "Reads our scanner." in said(client.get(at, here | {"at": late}))
    assert f"Version {first.number} · " in said(client.get(at, {"at": late}))
    assert "was in force on the platform" in said(client.get(at, here | {"at": middle}))
    early = (start - timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%S")
    assert "No version was in force yet." in said(client.get(at, {"at": early}))
    asked = {"at": (start + timedelta(days=1)).isoformat(), "collection": ""}
    assert client.get(at, asked).status_code == 400
    assert client.get(at, {"at": "yesterday"}).status_code == 400
    assert client.get(at, {"collection": str(house.elsewhere.pk)}).status_code == 404
    api = "/api/v1/model-versions/in-force"
    assert client.get(api, here | {"at": f"{late}Z"}).json()["number"] == third.number
    assert client.get(api, {"at": f"{late}Z"}).json()["number"] == first.number
    assert client.get(api, {"collection": str(house.elsewhere.pk)}).status_code == 404


def said(response) -> str:
    body = response.content.decode()
    return body[body.index('<section class="card stack">') : body.index("<h2>When</h2>")]


def test_who_reads_a_collection_is_not_told_why_a_version_reads_there(house: House) -> None:
    house.people["both"].memberships.create(collection=house.collection, role=Role.ML_ENGINEER)
    client, here = house.client("both"), {"collection": str(house.collection.pk)}
    assert client.get(reverse("in-force")).status_code == 200
    assert house.collection.name not in client.get(reverse("in-force")).content.decode().split("<select")[1]
    assert client.get(reverse("in-force"), here).status_code == 403
    assert client.get("/api/v1/model-versions/in-force", here).status_code == 403


def test_the_admin_proposes_decides_and_goes_back(house: House, candidate) -> None:
    make_decision(candidate, house.prediction.model_version)
    for name, role in (("eve", Role.ML_ENGINEER), ("pia", Role.APPROVER)):
        house.people[name] = make_user(name, collection=house.collection, role=role, is_staff=True)
    eve, pia = house.client("eve"), house.client("pia")
    at = reverse("admin:classifier_modelversion_propose", args=[candidate.pk])
    assert pia.get(at).status_code == 403
    assert "Propose version" in eve.get(at).content.decode()
    assert "somebody else decides" in eve.post(at, {"reason": "Now."}, follow=True).content.decode()
    proposal = Proposal.objects.get()
    at = reverse("admin:classifier_proposal_decide", args=[proposal.pk])
    assert eve.get(at).status_code == 403
    assert eve.post(at, {"reason": "Mine."}).status_code == 403
    assert "Passed" in pia.get(at).content.decode()
    assert "Say why" in pia.post(at, {"reason": ""}, follow=True).content.decode()
    body = pia.post(at, {"reason": "Fine."}, follow=True).content.decode()
    assert "is in force; the next image" in body
    assert version_in_force() == candidate
    again = propose(actor=house.people["eve"], version=house.prediction.model_version, reason="Back?")
    at = reverse("admin:classifier_proposal_decide", args=[again.pk])
    assert (
        "was declined" in pia.post(at, {"reason": "No.", "decline": "Decline"}, follow=True).content.decode()
    )
    assert Proposal.objects.get(pk=again.pk).decline.declined_by == house.people["pia"]


def test_a_version_shows_its_card_its_proposals_and_what_the_gate_said(house: House, candidate) -> None:
    base = house.prediction.model_version
    candidate = make_version(
        promoted=False,
        intended_use="A second look.",
        network={"name": "mobilenet_v2"},
        input={"width": 224, "height": 224},
        calibration={"temperature": 0.62, "fitted_on": 492},
        training={
            "recipe": {"kind": "head"}, "examples": 41, "base_checkpoint_sha256": base.checkpoint_sha256,
            "manifest_sha256": "f" * 64,
        },
    )  # fmt: skip
    make_decision(candidate, base, "fail")
    taken_back = propose(actor=house.people["erin"], version=candidate, reason="Too early.")
    decline(actor=house.people["erin"], proposal=taken_back, reason="I saw a fault.")
    body = house.client("otto").get(reverse("version", args=[candidate.pk])).content.decode()
    for words in (
        "A second look.",
        "mobilenet_v2, 224 × 224",
        "temperature 0.620, fitted on 492",
        "41 labelled images",
        f"Version {base.number} · {base.name}",
        "f" * 64,
        "&quot;kind&quot;: &quot;head&quot;",
        "I saw a fault.",
        "Failed",
    ):
        assert words in body, words


def test_before_anything_is_in_force_the_registry_still_stands(house: House) -> None:
    house.people["erin"].refresh_from_db()
    version = make_version(promoted=False)
    body = house.client("erin").get(reverse("version-propose", args=[version.pk])).content.decode()
    assert "Not judged." in body
    promote(actor=None, version=version, reason="By hand.")
    assert "command line" in house.client("erin").get(reverse("version", args=[version.pk])).content.decode()
