"""Two people and the gate put a version in force; one action goes back, once a worker has loaded what comes back."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from classifier.exceptions import CheckpointRefused, PlatformError, StateConflict
from classifier.models import Decline, LoadCheck, Promotion, Proposal, StoredFile
from classifier.selectors import version_in_force
from classifier.services.load_checks import answer_load_check, claim_load_check, require_loadable
from classifier.services.promotion import approve, decline, propose, roll_back
from classifier.services.registry import promote
from mriplatform.audit.models import AuditEvent
from tests.factories import make_decision, make_user, make_version, say_loaded


@pytest.fixture
def erin(db):
    return make_user("erin")


@pytest.fixture
def paul(db):
    return make_user("paul")


@pytest.fixture
def incumbent(db):
    return make_version()


@pytest.fixture
def candidate(incumbent):
    return make_version(promoted=False)


def refused(error, code, status=409):
    assert (error.value.code, error.value.status) == (code, status)
    return error.value.sentence


def proposal_of(erin, candidate, incumbent, verdict="pass"):
    make_decision(candidate, incumbent, verdict)
    return propose(actor=erin, version=candidate, reason="It learned from the wards.")


def test_a_passed_version_is_proposed_by_one_and_approved_by_another(erin, paul, incumbent, candidate):
    proposal = proposal_of(erin, candidate, incumbent)
    assert proposal.decision.verdict == "pass"
    promotion = approve(actor=paul, proposal=proposal, reason="Looked at the comparison.")
    assert version_in_force() == candidate
    assert (promotion.sequence, promotion.promoted_by, promotion.proposal) == (2, paul, proposal)
    assert (promotion.decision, promotion.override_reason) == (proposal.decision, "")
    assert promotion.load_check.passed
    acts = (
        AuditEvent.objects.filter(action__startswith="version.").order_by("id").values_list("action", "actor")
    )
    assert list(acts) == [("version.proposed", erin.pk), ("version.promoted", paul.pk)]


def test_nobody_approves_what_they_proposed(erin, incumbent, candidate):
    proposal = proposal_of(erin, candidate, incumbent)
    with pytest.raises(PlatformError) as error:
        approve(actor=erin, proposal=proposal, reason="I am sure.", override_reason="Really.")
    assert refused(error, "same_person", 403) == "You proposed this version, so somebody else has to decide."
    assert version_in_force() == incumbent


@pytest.mark.parametrize("verdict", ["fail", "insufficient", None])
def test_without_the_gates_pass_only_an_override_puts_it_in_force(erin, paul, incumbent, candidate, verdict):
    if verdict:
        make_decision(candidate, incumbent, verdict)
    proposal = propose(actor=erin, version=candidate, reason="Better on our scanner.")
    with pytest.raises(StateConflict) as error:
        approve(actor=paul, proposal=proposal, reason="Fine.", override_reason="  ")
    sentence = refused(error, "gate_not_passed" if verdict else "not_judged")
    assert "say why in an override" in sentence
    promotion = approve(
        actor=paul, proposal=proposal, reason="Fine.", override_reason="Scanner 3 is all we have."
    )
    assert promotion.override_reason == "Scanner 3 is all we have."
    overridden = AuditEvent.objects.get(action="gate.overridden")
    assert overridden.data["override_reason"] == "Scanner 3 is all we have."
    assert (overridden.actor_id, overridden.data["gate"]) == (paul.pk, verdict)


def test_a_pass_beside_a_version_that_is_no_longer_in_force_does_not_count(erin, paul, incumbent, candidate):
    proposal = proposal_of(erin, candidate, incumbent)
    newer = make_version()
    with pytest.raises(StateConflict, match=f"beside version {newer.number}.*judged again") as error:
        approve(actor=paul, proposal=proposal, reason="Fine.")
    refused(error, "not_judged")
    make_decision(candidate, newer)
    assert approve(actor=paul, proposal=proposal, reason="Fine.").decision.incumbent == newer


def test_the_gates_last_word_counts_not_the_one_at_the_proposal(erin, paul, incumbent, candidate):
    proposal = proposal_of(erin, candidate, incumbent)
    make_decision(candidate, incumbent, "fail")
    with pytest.raises(StateConflict) as error:
        approve(actor=paul, proposal=proposal, reason="Fine.")
    refused(error, "gate_not_passed")


def test_there_is_nothing_to_override_where_the_gate_passed(erin, paul, incumbent, candidate):
    with pytest.raises(StateConflict) as error:
        approve(
            actor=paul,
            proposal=proposal_of(erin, candidate, incumbent),
            reason="Fine.",
            override_reason="Why not.",
        )
    refused(error, "nothing_to_override")


def test_a_version_is_proposed_once_at_a_time_and_not_while_in_force(erin, paul, incumbent, candidate):
    with pytest.raises(StateConflict) as error:
        propose(actor=erin, version=incumbent, reason="Again.")
    refused(error, "already_in_force")
    with pytest.raises(StateConflict) as error:
        propose(actor=erin, version=candidate, reason=" ")
    refused(error, "reason_missing", 400)
    first = proposal_of(erin, candidate, incumbent)
    with pytest.raises(StateConflict) as error:
        propose(actor=paul, version=candidate, reason="Me too.")
    refused(error, "already_proposed")
    decline(actor=paul, proposal=first, reason="Not yet.")
    again = propose(actor=erin, version=candidate, reason="Now.")
    for act in (decline, approve):
        with pytest.raises(StateConflict) as error:
            act(actor=paul, proposal=first, reason="Late.")
        assert "declined already" in refused(error, "proposal_decided")
    approve(actor=paul, proposal=again, reason="Now.")
    with pytest.raises(StateConflict, match="approved already"):
        decline(actor=paul, proposal=again, reason="Late.")
    assert Decline.objects.count() == 1


def test_a_person_puts_nothing_in_force_alone(erin, candidate):
    with pytest.raises(StateConflict) as error:
        promote(actor=erin, version=candidate, reason="Mine.")
    refused(error, "proposal_needed")


def test_the_command_line_is_an_override_once_something_is_in_force(db):
    first, second, third = (make_version(promoted=False) for _ in range(3))
    assert promote(actor=None, version=first, reason="The first.").override_reason == ""
    assert "command line" in promote(actor=None, version=second, reason="By hand.").override_reason
    make_decision(third, second)
    passed = promote(actor=None, version=third, reason="By hand.")
    assert (passed.override_reason, passed.decision.candidate) == ("", third)


def test_to_go_back_is_one_action_on_a_version_that_a_worker_could_load(paul, incumbent, candidate):
    promote(actor=None, version=candidate, reason="In force for a while.")
    check = say_loaded(incumbent)
    promotion = roll_back(actor=paul, reason="Worse on the ward.")
    assert (promotion.kind, promotion.model_version, promotion.load_check) == ("roll_back", incumbent, check)
    assert version_in_force() == incumbent


def test_to_go_back_to_what_no_worker_can_load_changes_nothing(paul, incumbent, candidate):
    promote(actor=None, version=candidate, reason="In force for a while.")
    LoadCheck.objects.filter(model_version=incumbent).update(
        answered_at=timezone.now() - timedelta(minutes=11)
    )
    with pytest.raises(PlatformError) as error:
        roll_back(actor=paul, reason="Worse.")
    assert "No worker has answered" in refused(error, "not_verified", 503)
    say_loaded(incumbent, passed=False, words="its golden outputs differ.")
    with pytest.raises(PlatformError):
        roll_back(actor=paul, reason="Worse.")
    assert version_in_force() == candidate


def test_to_go_back_to_altered_bytes_changes_nothing(paul, incumbent, candidate):
    promote(actor=None, version=candidate, reason="In force for a while.")
    StoredFile.objects.filter(name=incumbent.checkpoint.name).update(content=b"altered")
    with pytest.raises(CheckpointRefused, match="altered"):
        roll_back(actor=paul, reason="Worse.")
    assert version_in_force() == candidate


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("passed", [True, False])
def test_whoever_goes_back_waits_for_the_workers_word(passed):
    paul, first, second = make_user("paul"), make_version(), make_version()
    LoadCheck.objects.all().delete()

    def worker() -> None:
        while (check := claim_load_check(worker="w:1")) is None:
            time.sleep(0.02)
        answer_load_check(check=check, passed=passed, words="" if passed else "its golden outputs differ.")
        connection.close()

    thread = threading.Thread(target=worker)
    thread.start()
    if passed:
        assert roll_back(actor=paul, reason="Worse.").load_check.worker == "w:1"
    else:
        with pytest.raises(CheckpointRefused, match="golden outputs differ"):
            roll_back(actor=paul, reason="Worse.")
    thread.join()
    assert version_in_force() == (first if passed else second)
    # Its word is good for a while: the next one does not wait.
    if passed:
        assert require_loadable(actor=paul, version=first).worker == "w:1"


def test_a_question_is_taken_once_and_not_when_nobody_waits_any_more(incumbent):
    LoadCheck.objects.all().delete()
    LoadCheck.objects.create(model_version=incumbent, asked_at=timezone.now() - timedelta(minutes=2))
    asked = LoadCheck.objects.create(model_version=incumbent)
    assert claim_load_check(worker="w:1") == asked
    assert claim_load_check(worker="w:2") is None


@pytest.mark.django_db(transaction=True)
def test_twenty_people_who_propose_and_approve_at_once():
    """One proposal, one promotion: the others are told, and nothing is in force twice."""
    incumbent, candidate = make_version(), make_version(promoted=False)
    make_decision(candidate, incumbent)
    said = in_threads(
        10, lambda number: propose(actor=make_user(f"e{number}"), version=candidate, reason="Now.")
    )
    assert sorted(said) == ["already_proposed"] * 9 + ["done"]
    proposal = Proposal.objects.get()
    said = in_threads(
        10, lambda number: approve(actor=make_user(f"p{number}"), proposal=proposal, reason="Now.")
    )
    assert sorted(said) == ["done"] + ["proposal_decided"] * 9
    expected = incumbent.number
    said = in_threads(10, lambda number: roll_back(actor=None, reason="Back.", expected=expected))
    assert said.count("done") == 1
    assert version_in_force() == incumbent
    assert list(Promotion.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2, 3]


def in_threads(count, act):
    """What each of `count` threads that act at once was told: `done`, or the code of its refusal."""
    said, barrier = [], threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait()
        try:
            act(number)
            said.append("done")
        except PlatformError as refusal:
            said.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said
