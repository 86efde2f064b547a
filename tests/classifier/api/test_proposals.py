"""Proposals, promotions and the way back by the API: the same rules, said as problem documents."""

import pytest

from classifier.models import Promotion, Proposal
from classifier.selectors import version_in_force
from classifier.services.promotion import propose
from mriplatform.accounts.roles import Role
from tests.classifier.doors import House
from tests.factories import make_decision, make_version, say_loaded

PEOPLE = ["nobody", "charlie", "loner", "alice", "bob", "both", "erin", "paul", "otto", "ann"]
TRAIN, PROMOTE, SEE = (
    {"charlie", "erin", "ann"},
    {"charlie", "paul", "ann"},
    {"charlie", "erin", "paul", "otto", "ann"},
)


def post(house: House, name: str, path: str, **sent):
    return house.client(name).post(f"/api/v1/{path}", sent, content_type="application/json")


def wanted(name: str, allowed: set[str], ok: int) -> int:
    return 401 if name == "nobody" else ok if name in allowed else 403


@pytest.mark.parametrize("name", PEOPLE)
def test_who_may_do_what(house: House, name: str) -> None:
    before, candidate = house.prediction.model_version, make_version(promoted=False)
    make_decision(candidate, before)
    path = f"model-versions/{candidate.pk}/proposals"
    assert post(house, name, path, reason="Now.").status_code == wanted(name, TRAIN, 201)
    Proposal.objects.exists() or propose(actor=house.people["erin"], version=candidate, reason="Now.")
    proposal = Proposal.objects.get()
    own = proposal.proposed_by == house.people.get(name)
    for path in ("proposals", f"proposals/{proposal.pk}", "promotions"):
        assert house.client(name).get(f"/api/v1/{path}").status_code == wanted(name, SEE, 200)
    approved = post(house, name, f"proposals/{proposal.pk}/approve", reason="Fine.")
    assert approved.status_code == (403 if own else wanted(name, PROMOTE, 200))
    if own and name in PROMOTE:
        assert approved.json()["code"] == "same_person"
    assert (version_in_force() == candidate) == (approved.status_code == 200)
    if approved.status_code != 200:
        Promotion.objects.create(sequence=2, model_version=candidate, kind="promote", reason="for the test")
    back = post(house, name, "model-versions/roll-back", reason="Worse.", expected=before.number)
    assert back.status_code == wanted(name, TRAIN | PROMOTE, 200)
    assert (version_in_force() == before) == (back.status_code == 200)


def test_the_whole_way(house: House) -> None:
    before, candidate = house.prediction.model_version, make_version(promoted=False)
    made = post(house, "erin", f"model-versions/{candidate.pk}/proposals", reason="It learned.").json()
    assert (made["state"], made["by"], made["gate"], made["gate_now"]) == ("open", "erin", None, None)
    at = f"proposals/{made['id']}"
    listed = house.client("paul").get("/api/v1/proposals?open=true").json()["results"]
    assert [row["id"] for row in listed] == [made["id"]]
    refused = post(house, "paul", f"{at}/approve", reason="Fine.")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_judged")
    make_decision(candidate, before, "fail")
    refused = post(house, "paul", f"{at}/approve", reason="Fine.")
    assert (refused.status_code, refused.json()["code"]) == (409, "gate_not_passed")
    again = post(house, "erin", f"model-versions/{candidate.pk}/proposals", reason="Me too.")
    assert (again.status_code, again.json()["code"]) == (409, "already_proposed")
    done = post(house, "paul", f"{at}/approve", reason="Fine.", override_reason="All we have.").json()
    assert (done["state"], done["decided_by"], done["override_reason"]) == (
        "approved",
        "paul",
        "All we have.",
    )
    promoted = house.client("otto").get("/api/v1/promotions").json()["results"][0]
    assert (promoted["sequence"], promoted["gate"], promoted["override_reason"]) == (
        2,
        "fail",
        "All we have.",
    )
    assert promoted["loaded"]["runtime"] == "onnxruntime"
    shown = house.client("otto").get(f"/api/v1/model-versions/{candidate.pk}").json()["promotions"][0]
    assert shown["override_reason"] == "All we have."
    say_loaded(before)
    gone = post(house, "erin", "model-versions/roll-back", reason="Worse.", expected=candidate.number)
    assert (gone.status_code, gone.json()["code"]) == (409, "roll_back_changed")
    back = post(house, "erin", "model-versions/roll-back", reason="Worse.").json()
    assert (back["kind"], back["model_version"]["number"], back["gate"]) == ("roll_back", before.number, None)
    declined = post(house, "paul", f"{at}/decline", reason="Late.")
    assert (declined.status_code, declined.json()["code"]) == (409, "proposal_decided")


def test_whoever_proposed_takes_it_back_and_an_auditor_does_not(house: House) -> None:
    candidate = make_version(promoted=False)
    proposal = propose(actor=house.people["erin"], version=candidate, reason="Now.")
    assert post(house, "otto", f"proposals/{proposal.pk}/decline", reason="No.").status_code == 403
    taken = post(house, "erin", f"proposals/{proposal.pk}/decline", reason="A fault.").json()
    assert (taken["state"], taken["decided_by"], taken["decision_reason"]) == ("declined", "erin", "A fault.")


def test_an_engineer_who_approves_elsewhere_still_approves_nothing_of_their_own(house: House) -> None:
    house.people["erin"].memberships.create(collection=house.elsewhere, role=Role.APPROVER)
    candidate = make_version(promoted=False)
    make_decision(candidate, house.prediction.model_version)
    made = post(house, "erin", f"model-versions/{candidate.pk}/proposals", reason="Now.").json()
    refused = post(house, "erin", f"proposals/{made['id']}/approve", reason="Now.")
    assert (refused.status_code, refused.json()["code"]) == (403, "same_person")
