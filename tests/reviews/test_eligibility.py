"""Which labels count, by every policy: held against a computation that knows nothing of the first."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.exceptions import PlatformError
from ml.labels import CLASSES
from mriplatform.audit.models import AuditEvent
from reviews.models import EligibilityPolicy
from reviews.selectors.eligibility import judge, policy_of
from reviews.selectors.evidence import Decision, Evidence, Imported, Read, Statement
from reviews.selectors.settling import Vote, settle
from reviews.services.eligibility import set_policy

MORNING = datetime(2026, 3, 3, 8, tzinfo=UTC)
LABELS = st.sampled_from(["glioma", "meningioma", ""])


@dataclass(frozen=True)
class Scene:
    """An image and what happened to it: for each reader, what they said before and after the machine's answer."""

    reads: list[tuple[str | None, str, bool]]
    readers: int
    rule: str
    decided: str | None
    imported: str | None
    barred: str


@st.composite
def reads(draw):
    before, verdict = draw(st.none() | LABELS), draw(LABELS)
    # Who says something unaware of the answer says it last of all that they said so.
    return (before, verdict, True) if draw(st.booleans()) else (verdict, verdict, False)


SCENES = st.builds(
    Scene,
    reads=st.lists(reads(), max_size=4),
    readers=st.integers(1, 4),
    rule=st.sampled_from(["unanimity", "majority", "seniority"]),
    decided=st.none() | LABELS,
    imported=st.none() | st.sampled_from(["glioma", "pituitary"]),
    barred=st.sampled_from(["", "", "", "", "hidden", "removed", "known", "sent_back"]),
)
POLICIES = st.builds(
    EligibilityPolicy,
    version=st.just(1),
    rule=st.sampled_from(EligibilityPolicy.Rule.values),
    agreeing_reads=st.integers(2, 4),
    seen=st.sampled_from(EligibilityPolicy.Seen.values),
    seen_weight=st.sampled_from([0.25, 0.5, 1.0]),
)


def statement(number, label, *, saw):
    return Statement(
        f"event{number}", label, MORNING + timedelta(minutes=number), saw, 3 if saw else None, "m/1"
    )


def settled_in(scene):
    return settle([Vote(label) for _, label, _ in scene.reads], readers=scene.readers, rule=scene.rule)


def as_evidence(scene):
    """The scene as the database's statement tells it."""
    settled = settled_in(scene)
    outcome, label, path = settled.outcome.value, settled.label, settled.path
    if scene.decided is not None:
        outcome, label, path = "final", scene.decided, "adjudicated"
    if scene.barred == "known":
        outcome, label, path = "known", "", ""
    decided = scene.decided is not None and scene.barred != "known"
    return Evidence(
        image="image", pixel_sha256="aa", cluster="cluster", plane="", source="api",
        hidden=scene.barred == "hidden", removed=scene.barred == "removed",
        outcome="" if outcome == "unread" else outcome, label=label, path=path,
        decision=Decision("decision", MORNING + timedelta(days=1), False) if decided else None,
        reads=tuple(
            Read(
                statement(2 * number + 1, verdict, saw=saw),
                None if before is None else statement(2 * number + (0 if saw else 1), before, saw=False),
            )
            for number, (before, verdict, saw) in enumerate(scene.reads)
        ),
        imported=Imported("row", scene.imported, "", "a set", MORNING) if scene.imported else None,
        sent_back=scene.barred == "sent_back",
    )  # fmt: skip


def naively(scene, policy):
    """For each class alone: does it hold? What it weighs where it does; nothing where none of the classes holds."""
    if scene.barred:
        return None
    if scene.decided is not None:
        return (scene.decided, 1.0) if scene.decided else None
    if not scene.reads:
        return (scene.imported, 1.0) if scene.imported else None
    found = [(label, weight) for label in CLASSES if (weight := _weighs(label, scene, policy))]
    assert len(found) < 2
    return found[0] if found else None


def _weighs(label, scene, policy):
    before = [said for said, _, _ in scene.reads if said is not None]
    now = [said for _, said, _ in scene.reads]
    settled = settled_in(scene)
    is_final, is_open = settled.outcome.value == "final", settled.outcome.value == "waiting"
    if policy.rule == "agreeing":
        enough = before.count(label) >= max(policy.agreeing_reads, len(before) // 2 + 1)
        return 1.0 if enough and (not is_final or settled.label == label) else 0.0
    holds = {
        "protocol": is_final and settled.label == label,
        "single": (is_final and settled.label == label) or (is_open and set(now) == {label}),
        "adjudicated": False,
    }[policy.rule]
    swayed = any(saw and said == label and first != label for first, said, saw in scene.reads)
    if not holds or (swayed and policy.seen == "exclude"):
        return 0.0
    return policy.seen_weight if swayed and policy.seen == "weigh" else 1.0


@given(SCENES, POLICIES)
def test_a_policy_takes_what_a_naive_computation_takes(scene, policy):
    judged = judge(as_evidence(scene), policy)
    expected = naively(scene, policy)
    if expected is None:
        assert judged.reason
        assert judged.weight == 0
    else:
        assert (judged.label, judged.weight, judged.reason) == (*expected, "")
        assert json.loads(judged.provenance)["path"]


@given(SCENES, POLICIES)
def test_a_reason_and_where_a_label_came_from_are_always_told(scene, policy):
    image = as_evidence(scene)
    judged = judge(image, policy)
    provenance = json.loads(judged.provenance)
    assert bool(provenance) >= bool(judged.label)
    assert len(judged.reason) <= 120
    if not judged.reason:
        source = provenance["source"]
        assert source == ("adjudication" if image.decision else "reading" if image.reads else "imported")
        assert provenance["events"] == sorted(read.verdict.event for read in image.reads)
        assert not (policy.seen == "exclude" and provenance["after_answer"])


@given(SCENES)
def test_the_default_takes_final_labels_and_nothing_else_that_was_read(scene):
    judged = judge(as_evidence(scene), EligibilityPolicy(version=0))
    if scene.reads and not scene.barred and scene.decided is None:
        settled = settled_in(scene)
        assert (judged.reason == "") == (settled.outcome.value == "final" and settled.label != "")


def test_the_blinded_reads_count_by_what_was_said_before_the_answer():
    policy = EligibilityPolicy(rule="agreeing", agreeing_reads=2)
    persuaded = Scene(
        [("glioma", "meningioma", True), ("glioma", "glioma", True)], 3, "unanimity", None, None, ""
    )
    judged = judge(as_evidence(persuaded), policy)
    assert (judged.label, judged.reason) == ("glioma", "")
    provenance = json.loads(judged.provenance)
    assert provenance["blinded"] == ["event0", "event2"]
    assert provenance["events"] == ["event1", "event3"]
    assert provenance["path"] == "2 of 2 blinded reads"
    assert not provenance["saw_prediction"]


# --- Setting one ----------------------------------------------------------------------------------------------


def refused(code, **asked):
    with pytest.raises(PlatformError) as refusal:
        set_policy(actor=None, **asked)
    assert (refusal.value.code, refusal.value.status) == (code, 412 if code == "changed_meanwhile" else 400)


def test_each_change_is_a_version_and_the_same_again_is_none(collection, engineer):
    assert (policy_of(collection).version, policy_of(collection).rule) == (0, "protocol")
    first = set_policy(actor=engineer, collection=collection, rule="agreeing", agreeing_reads=3, if_version=0)
    again = set_policy(actor=engineer, collection=collection, rule="agreeing", agreeing_reads=3)
    second = set_policy(actor=engineer, collection=collection, rule="single", seen="weigh", if_version=1)
    assert (first.version, again, second.version) == (1, first, 2)
    assert policy_of(collection) == second
    assert AuditEvent.objects.filter(action="eligibility.set").count() == 2
    refused("changed_meanwhile", collection=collection, rule="protocol", if_version=1)


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("unknown_rule", {"rule": "dice"}),
        ("unknown_treatment", {"seen": "maybe"}),
        ("agreeing_reads_out_of_range", {"rule": "agreeing", "agreeing_reads": 1}),
        ("agreeing_reads_out_of_range", {"rule": "agreeing", "agreeing_reads": 6}),
        ("seen_weight_out_of_range", {"seen": "weigh", "seen_weight": 0.0}),
        ("seen_weight_out_of_range", {"seen": "weigh", "seen_weight": float("nan")}),
    ],
)
def test_what_makes_no_sense_is_refused(collection, code, asked):
    refused(code, collection=collection, **asked)
    assert not EligibilityPolicy.objects.exists()
