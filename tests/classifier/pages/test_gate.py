"""The gate's pages, API and admin: who sees what, who writes a rule, and what is refused in a sentence."""

import numpy as np
import pytest
from django.urls import reverse

from classifier.models import GateRequest, GateRule, RunStatus, TrainingRun
from classifier.services.gate import current_rule
from ml.gate import DEFAULT_CRITERIA, judge
from mriplatform.accounts.roles import Role
from tests.classifier.doors import House
from tests.factories import make_decision, make_user, make_version

PEOPLE = ("nobody", "alice", "bob", "both", "erin", "paul", "otto", "ann", "charlie", "loner")
MODELS = ("erin", "paul", "otto", "ann", "charlie")
WRITERS = ("paul", "ann", "charlie")
ASKERS = ("erin", "paul", "ann", "charlie")
TEXTS = {"allowed_change": "The head.", "protocol": "Both on the same part.", "impact": "Little."}


def decided(house: House):
    """A verdict with real criteria, of another version beside the one in force."""
    labels = np.repeat(np.arange(4), 60)
    wrong = labels.copy()
    wrong[60:90] = 2
    scores = [np.where(np.eye(4)[said] == 1, 0.97, 0.01) for said in (wrong, labels)]
    judged = judge(*scores, labels)
    return make_decision(
        make_version(promoted=False), house.prediction.model_version, judged.verdict,
        criteria=[one.as_dict() for one in judged.criteria],
        parts=[{"part": "reference part", "sha256": "a" * 64, "n": 240, "subjects": 240}],
    )  # fmt: skip


@pytest.mark.parametrize("name", PEOPLE)
def test_who_sees_rules_and_verdicts(house: House, name: str) -> None:
    decision, client = decided(house), house.client(name)
    pages = [
        reverse("gate-rules"), reverse("gate-rule", args=[decision.rule_id]),
        reverse("gate-decision", args=[decision.pk]),
    ]  # fmt: skip
    answers = [
        reverse("api-gate-rules"), reverse("api-gate-rule", args=[decision.rule_id]),
        reverse("api-gate-decisions"), reverse("api-gate-decision", args=[decision.pk]),
        reverse("api-version-judgements", args=[decision.candidate_id]),
    ]  # fmt: skip
    allowed = name in MODELS
    for address in pages:
        assert client.get(address).status_code == (302 if name == "nobody" else 200 if allowed else 403)
    for address in answers:
        assert client.get(address).status_code == (401 if name == "nobody" else 200 if allowed else 403)


@pytest.mark.parametrize("name", PEOPLE)
def test_who_writes_a_rule_and_who_asks_for_another_verdict(house: House, name: str) -> None:
    decision, client = decided(house), house.client(name)
    sent = {**TEXTS, "criteria": DEFAULT_CRITERIA}
    wrote = client.post(reverse("api-gate-rules"), sent, content_type="application/json")
    assert wrote.status_code == (401 if name == "nobody" else 201 if name in WRITERS else 403)
    page = client.post(reverse("gate-rules"), TEXTS | DEFAULT_CRITERIA)
    if name in WRITERS:
        assert page.status_code == 302
    assert GateRule.objects.count() == (3 if name in WRITERS else 1)
    address = reverse("api-version-judgements", args=[decision.candidate_id])
    asked = client.post(address, {}, content_type="application/json")
    assert asked.status_code == (401 if name == "nobody" else 202 if name in ASKERS else 403)
    assert GateRequest.objects.count() == (name in ASKERS)
    if name in ASKERS:
        assert client.post(address, {}, content_type="application/json").status_code == 409


def test_a_verdict_is_shown_criterion_by_criterion_with_its_intervals(house: House) -> None:
    decision = decided(house)
    body = house.client("erin").get(reverse("gate-decision", args=[decision.pk])).content.decode()
    assert "Recall of meningioma falls from 1.000 to 0.500: a sure loss" in body
    assert body.index("Recall: meningioma</th>") < body.index("Recall: glioma</th>")
    assert body.count('class="interval"') == 8
    assert "Measured on the reference part (240 images of 240 subjects)" in body
    assert "Judge it again" in body
    assert (
        "Judge it again"
        not in house.client("otto").get(reverse("gate-decision", args=[decision.pk])).content.decode()
    )
    make_version()
    stale = house.client("erin").get(reverse("gate-decision", args=[decision.pk])).content.decode()
    assert "Another version is in force by now:" in stale
    client = house.client("erin")
    client.post(reverse("version-judge", args=[decision.candidate_id]))
    waiting = client.get(reverse("gate-decision", args=[decision.pk])).content.decode()
    assert "It waits to be judged again" in waiting


def test_a_rule_is_written_on_its_page_and_a_bad_one_says_what_is_wrong(house: House) -> None:
    client, address = house.client("paul"), reverse("gate-rules")
    body = client.get(address).content.decode()
    assert "Write rule 2" in body
    assert current_rule().number == 1
    sent = TEXTS | DEFAULT_CRITERIA | {"expected": "1"}
    refused = client.post(address, sent | {"ece_margin": "7", "impact": ""})
    assert refused.status_code == 400
    body = refused.content.decode()
    assert "Loss of calibration: Ensure this value is less than or equal to 0.3." in body
    assert "Impact: This field is required." in body
    assert client.post(address, sent | {"ece_margin": "0.01"}).status_code == 302
    rule = GateRule.objects.get(number=2)
    assert (rule.criteria["ece_margin"], rule.written_by) == (0.01, house.people["paul"])
    late = client.post(address, sent)
    assert late.status_code == 409
    assert "Somebody wrote rule 2 meanwhile" in late.content.decode()


def test_a_bad_rule_is_a_problem_with_every_fault_by_api(house: House) -> None:
    sent = {**TEXTS, "criteria": {"accuracy_margin": 3, "acuracy": 0.1}}
    response = house.client("paul").post(reverse("api-gate-rules"), sent, content_type="application/json")
    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, "rule_refused")
    assert "acuracy is not the name of a bound." in problem["detail"]
    assert "accuracy_margin must be a number from 0 to 0.2, got 3.0." in problem["detail"]
    assert "ece_margin is missing." in problem["detail"]


def test_a_learning_curve_is_asked_for_once_and_of_finished_runs_alone(house: House) -> None:
    run = TrainingRun.objects.create(
        number=1, recipe={"kind": "head"}, manifest="m", manifest_sha256="a" * 64,
        base_version=house.prediction.model_version, status=RunStatus.SUCCEEDED,
    )  # fmt: skip
    address = reverse("api-training-run-learning-curve", args=[run.pk])
    assert house.client("paul").post(address, {}, content_type="application/json").status_code == 403
    assert house.client("erin").post(address, {}, content_type="application/json").status_code == 202
    assert house.client("erin").post(address, {}, content_type="application/json").status_code == 409
    TrainingRun.objects.update(recipe={"kind": "fine_tune"})
    GateRequest.objects.all().delete()
    refused = house.client("erin").post(address, {}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_curve")


def test_the_admin_lists_the_gate_and_asks_for_another_verdict(house: House) -> None:
    decision = decided(house)
    house.people["pia"] = make_user("pia", collection=house.collection, role=Role.APPROVER, is_staff=True)
    client = house.client("pia")
    for name in ("gaterule", "gatedecision", "gaterequest"):
        assert client.get(reverse(f"admin:classifier_{name}_changelist")).status_code == 200
    for name, row in (("gaterule", decision.rule), ("gatedecision", decision)):
        assert client.get(reverse(f"admin:classifier_{name}_change", args=[row.pk])).status_code == 200
    chosen = {"action": "judge_again", "_selected_action": [decision.pk]}
    body = client.post(
        reverse("admin:classifier_gatedecision_changelist"), chosen, follow=True
    ).content.decode()
    assert f"Version {decision.candidate.number} is in line to be judged." in body
    assert GateRequest.objects.get().asked_by == house.people["pia"]


def test_a_version_without_a_verdict_is_sent_to_the_gate_from_its_page_and_in_the_admin(house: House) -> None:
    fresh, current = make_version(promoted=False), house.prediction.model_version
    address, judge_it = reverse("version", args=[fresh.pk]), reverse("version-judge", args=[fresh.pk])
    assert "It was never judged" in house.client("paul").get(address).content.decode()
    assert judge_it in house.client("paul").get(address).content.decode()
    assert judge_it not in house.client("otto").get(address).content.decode()
    own = reverse("version", args=[current.pk])
    assert reverse("version-judge", args=[current.pk]) not in house.client("paul").get(own).content.decode()
    answer = house.client("paul").post(judge_it, follow=True).content.decode()
    assert "It waits to be judged" in answer
    assert judge_it not in answer
    GateRequest.objects.update(status=GateRequest.Status.FAILED, failure_reason="It broke.")
    assert "it could not be: It broke." in house.client("paul").get(address).content.decode()

    listed, chosen = reverse("admin:classifier_modelversion_changelist"), [fresh.pk, current.pk]
    for name, role in (("olga", Role.AUDITOR), ("pia", Role.APPROVER)):
        house.people[name] = make_user(name, collection=house.collection, role=role, is_staff=True)
    assert "Judge beside what is in force" not in house.client("olga").get(listed).content.decode()
    sent = {"action": "judge", "_selected_action": chosen}
    body = house.client("pia").post(listed, sent, follow=True).content.decode()
    assert f"Version {fresh.number} is in line to be judged." in body
    assert f"Version {current.number} is what is in force." in body
    assert GateRequest.objects.filter(version=fresh, status=GateRequest.Status.QUEUED).count() == 1


def test_the_page_of_versions_leads_to_the_training_runs(house: House) -> None:
    assert (
        f'href="{reverse("training-runs")}"' in house.client("erin").get(reverse("versions")).content.decode()
    )
