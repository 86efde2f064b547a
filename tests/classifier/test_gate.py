"""The gate on the shipped model: candidates made worse on purpose fail for the right reason, an equal one passes."""

from dataclasses import replace

import numpy as np
import pytest

from classifier.engine import LoadedModel, engine
from classifier.exceptions import PlatformError, StateConflict
from classifier.jobs import gate_requests as requests_job
from classifier.jobs import training as training_job
from classifier.jobs.gating import OWN, judge_candidate
from classifier.jobs.parts import TestPart
from classifier.jobs.training.gathering import Part
from classifier.jobs.training.head import locked_part
from classifier.jobs.training.manifest import Line
from classifier.models import Evaluation, GateDecision, GateRequest, GateRule, Image, ModelVersion
from classifier.selectors.gate import decision_beside, open_requests, uses_of_part
from classifier.services.gate import RuleRefused, current_rule, record_decision, write_rule
from classifier.services.gate_requests import ask_curve, ask_judgement, claim_request
from classifier.services.registry import promote, register_version
from classifier.services.training import start_run
from ml.checkpoint import Checkpoint
from ml.checkpoint.arrays import pack, pack_hashes
from ml.checkpoint.graph import with_head
from ml.checkpoint.members import HASHES, ONNX
from ml.checkpoint.members import REFERENCE as REFERENCE_MEMBER
from ml.evaluation import REFERENCE
from ml.gate import DEFAULT_CRITERIA
from ml.labels import CLASSES
from ml.training.head import fit_head
from ml.training.retrain import retrain_head
from tests.classifier.test_training import manifest
from tests.factories import make_collection, make_study

pytestmark = pytest.mark.django_db


@pytest.fixture
def base(shipped) -> LoadedModel:
    return engine().load(shipped)


@pytest.fixture
def judged(shipped, base):
    """Judges a head, or a whole checkpoint, beside the shipped one."""

    def judge(
        candidate: Checkpoint | tuple[np.ndarray, np.ndarray], incumbent: LoadedModel | None = None, **more
    ):
        checkpoint = (
            candidate if isinstance(candidate, Checkpoint) else with_other_head(base.checkpoint, *candidate)
        )
        return judge_candidate(
            rule=current_rule(),
            incumbent=incumbent or base,
            incumbent_version=shipped,
            candidate=checkpoint,
            **more,
        )

    return judge


def with_other_head(checkpoint: Checkpoint, kernel: np.ndarray, bias: np.ndarray) -> Checkpoint:
    members = {**checkpoint.members, ONNX: with_head(checkpoint.onnx, kernel, bias)}
    return replace(checkpoint, members=members)


def with_reference(checkpoint: Checkpoint, chosen: np.ndarray) -> Checkpoint:
    """The checkpoint with some images of its reference part alone."""
    part = checkpoint.reference()
    arrays = {
        "embeddings": part.embeddings[chosen].astype(np.float16),
        "labels": part.labels[chosen].astype(np.uint8),
        "groups": np.array(part.groups)[chosen],
        "hashes": pack_hashes([part.hashes[index] for index in chosen]),
    }
    return replace(checkpoint, members={**checkpoint.members, REFERENCE_MEMBER: pack(arrays)})


def answers(judged) -> dict[str, str]:
    return {one["name"]: one["answer"] for one in judged.criteria}


def failed(judged) -> set[str]:
    return {name for name, answer in answers(judged).items() if answer == "fail"}


def sentence(judged, name: str) -> str:
    return next(one["sentence"] for one in judged.criteria if one["name"] == name)


def test_an_equal_candidate_passes(base, judged):
    kernel, bias = base.checkpoint.head()
    rng = np.random.default_rng(0)
    found = judged((kernel + rng.normal(0, 1e-3, kernel.shape).astype(np.float32), bias))
    assert found.verdict == "pass", [one["sentence"] for one in found.criteria if one["answer"] != "pass"]
    assert [(part["part"], part["n"], part["subjects"]) for part in found.parts] == [(REFERENCE, 1410, 205)]
    assert answers(found)["maps"] == answers(found)["leaks"] == "pass"


def test_shuffled_labels_fail_by_accuracy(base, judged):
    replay = base.checkpoint.replay()
    shuffled = np.random.default_rng(0).permutation(replay.labels)
    head = fit_head(replay.embeddings, shuffled, np.ones(len(shuffled)), penalty=3e-5)
    found = judged((head.kernel, head.bias))
    assert found.verdict == "fail"
    assert failed(found) >= {"accuracy", "balanced_accuracy", "macro_f1", "mcnemar"}
    assert "a sure loss" in sentence(found, "accuracy")
    assert "leaks" not in failed(found)


def test_shuffled_labels_among_replayed_ones_fail_by_their_maps(base, judged):
    """The replay keeps the accuracy, and the scaling how sure the head is; but its maps have lost their place."""
    replay, rng = base.checkpoint.replay(), np.random.default_rng(0)
    chosen = rng.choice(len(replay.labels), 1000, replace=False)
    head = retrain_head(
        base.checkpoint, replay.embeddings[chosen], rng.permutation(replay.labels[chosen]), bootstrap=0
    )
    found = judged((head.kernel, head.bias))
    assert found.verdict == "fail"
    assert failed(found) == {"maps"}
    assert "maps point nowhere" in sentence(found, "maps")


def test_a_ruined_meningioma_fails_by_that_class_alone(base, judged):
    kernel, bias = base.checkpoint.head()
    bias = bias.copy()
    bias[CLASSES.index("meningioma")] -= 2.5
    found = judged((kernel, bias))
    assert found.verdict == "fail"
    assert {name for name in failed(found) if name.startswith("recall")} == {"recall_meningioma"}
    assert sentence(found, "recall_meningioma").startswith("Recall of meningioma falls from 0.919 to 0.")


def test_a_candidate_that_was_taught_locked_images_fails_by_leaks_alone(base, judged):
    """It is better on them, as whoever knows the answers is; that helps it nothing."""
    reference, known = base.checkpoint.reference(), base.checkpoint.training_hashes()
    head = retrain_head(base.checkpoint, reference.embeddings[:300], reference.labels[:300], bootstrap=0)
    taught = {
        "sha256": pack_hashes([*known.sha256, *reference.hashes[:300]]),
        "phash": np.concatenate((known.phash, np.zeros(300, np.uint64))),
    }
    candidate = with_other_head(base.checkpoint, head.kernel, head.bias)
    found = judged(replace(candidate, members={**candidate.members, HASHES: pack(taught)}))
    assert found.verdict == "fail"
    assert failed(found) - {"calibration"} == {"leaks"}
    assert "300 locked images, each is pixel for pixel what it was trained on" in sentence(found, "leaks")
    assert reference.hashes[0][:12] in sentence(found, "leaks")


def own_part(base: LoadedModel, images: list[Image], **more) -> TestPart:
    """Images of the platform as a test part; their embeddings are those of the reference part, for the figures."""
    reference = base.checkpoint.reference()
    places = np.linspace(0, len(reference.labels) - 1, len(images)).astype(int)
    seen = reference.embeddings[places]
    return TestPart(
        candidate=seen, incumbent=seen, labels=reference.labels[places],
        groups=tuple(str(image.cluster) for image in images),
        hashes=tuple(image.pixel_sha256 for image in images), images=tuple(image.pk for image in images), **more,
    )  # fmt: skip


def test_a_near_duplicate_of_the_test_part_among_what_was_learned_is_a_leak(base, judged):
    test, learned = (make_study(make_collection(), images=12) for _ in range(2))
    locked, taught = list(test.images.order_by("pk")), list(learned.images.order_by("pk"))
    twin, sibling = taught[3], taught[5]
    Image.objects.filter(pk=twin.pk).update(phash=locked[1].phash_mirrored, phash_mirrored=locked[1].phash)
    Image.objects.filter(pk=sibling.pk).update(cluster=locked[7].cluster)
    found = judged(
        base.checkpoint.head(), test=own_part(base, locked), learned=[image.pixel_sha256 for image in taught]
    )
    assert failed(found) == {"leaks"}
    pairs = next(one["figures"]["pairs"] for one in found.criteria if one["name"] == "leaks")
    assert {(pair["kind"], pair["locked"], pair["learned"]) for pair in pairs} == {
        ("mirrored", locked[1].pixel_sha256, twin.pixel_sha256),
        ("group", locked[7].pixel_sha256, sibling.pixel_sha256),
    }
    assert {pair["part"] for pair in pairs} == {OWN}


def test_another_image_of_a_subject_of_the_test_part_among_what_was_learned_is_a_leak(base, judged):
    collection = make_collection()
    test, learned = (make_study(collection, subject="ada", images=2) for _ in range(2))
    locked, taught = list(test.images.order_by("pk")), list(learned.images.order_by("pk"))
    assert len({image.cluster for image in [*locked, *taught]}) == 4
    found = judged(
        base.checkpoint.head(), test=own_part(base, locked), learned=[image.pixel_sha256 for image in taught]
    )
    leaks = next(one for one in found.criteria if one["name"] == "leaks")
    assert (leaks["answer"], leaks["figures"]["counts"]["group"]) == ("fail", 2)


def test_images_of_one_subject_count_as_one_however_many_clusters_they_are_in(shipped, base):
    studies = [make_study(make_collection(), subject=name, images=3) for name in ("ada", "ada", "bob", "")]
    part: Part[None] = Part()
    for place, image in enumerate(Image.objects.filter(study__in=studies).order_by("pk")):
        line = Line(place, str(image.pk), image.pixel_sha256, "glioma", "test", cluster=str(image.cluster))
        part.add(line, image, None)
    seen = base.checkpoint.reference().embeddings[: len(part)]
    groups = locked_part(part, seen, (shipped, base), features_of=shipped).groups
    assert sorted(groups.count(group) for group in set(groups)) == [1, 1, 1, 3, 6]


def test_an_image_of_the_reference_part_that_is_in_the_test_part_too_counts_once(base, judged):
    """As where the version in force was tuned here: what it was measured on then is in the test part still."""
    images = list(make_study(make_collection(), images=12).images.order_by("pk"))
    for image, name in zip(images, base.checkpoint.reference().hashes[:10], strict=False):
        image.pixel_sha256 = name
        image.save(update_fields=["pixel_sha256"])
    found = judged(base.checkpoint.head(), test=own_part(base, images))
    assert [(part["part"], part["n"]) for part in found.parts] == [(REFERENCE, 1400), (OWN, 12)]
    whole = judged(base.checkpoint.head())
    assert found.parts[0]["sha256"] != whole.parts[0]["sha256"]
    assert whole.parts[0]["n"] == 1410


def test_a_tiny_locked_part_is_insufficient_even_for_an_equal_candidate(base, judged):
    few = with_reference(base.checkpoint, np.arange(0, 1410, 35))
    found = judged(few, LoadedModel(few, base.predictor))
    assert found.verdict == "insufficient"
    assert failed(found) == set()
    assert answers(found)["size"] == answers(found)["recall_meningioma"] == "insufficient"
    assert "too small: 41 images" in sentence(found, "size")


def test_without_a_part_that_both_can_answer_for_nothing_passes(base, judged):
    other = with_reference(base.checkpoint, np.arange(700))
    found = judged(other)
    assert (found.verdict, found.parts) == ("insufficient", [])


def test_a_plane_that_is_lost_and_answers_that_follow_the_source_fail(base, shipped, judged):
    images = list(make_study(make_collection(), images=120).images.order_by("pk"))
    part = own_part(base, images, planes=("axial",) * 60 + ("sagittal",) * 60, sources=("a", "b") * 60)
    kernel, bias = base.checkpoint.head()
    rows = np.linspace(0, 1409, 120).astype(int)
    towards = kernel[:, 3] - kernel[:, 0]
    pushed = base.checkpoint.reference().embeddings[rows].copy()
    pushed[60:] += 40 * towards / np.linalg.norm(towards)
    part.candidate = pushed
    found = judged((kernel, bias), test=part)
    assert failed(found) >= {"subgroups", "sources", "parts"}
    assert "Among the 60 locked images of the plane sagittal accuracy falls" in sentence(found, "subgroups")
    assert "it goes by the plane" in sentence(found, "sources")


def test_a_head_that_learned_nothing_fails_by_its_maps(base, judged):
    kernel, bias = base.checkpoint.head()
    found = judged((np.zeros_like(kernel), bias))
    assert "maps" in failed(found)
    assert "point nowhere" in sentence(found, "maps")


def test_every_use_of_a_locked_part_is_recorded_and_many_are_said(base, shipped, judged):
    current_rule()
    found = judged(base.checkpoint.head())
    part = found.parts[0]["sha256"]
    before = uses_of_part(part)
    candidate = register_version(actor=None, name="c", archive=b"a stand-in", metadata={})
    decision = record_decision(run=None, candidate=candidate, judged=found)
    assert uses_of_part(part) == before + 1
    assert Evaluation.objects.filter(part_sha256=part, model_version=candidate).count() == 1
    assert (decision.verdict, decision.rule) == ("pass", current_rule())
    assert decision_beside(candidate, shipped) == decision
    GateRule.objects.create(
        number=2, allowed_change="a", protocol="p", criteria=DEFAULT_CRITERIA | {"uses_warned": 2}, impact="i"
    )
    again = judged(base.checkpoint.head())
    assert answers(again)["part_uses"] == "not_asked"
    assert "may have been picked by chance" in sentence(again, "part_uses")
    assert again.verdict == "pass"


def test_a_run_is_judged_by_the_rule_that_it_named_and_gets_its_curve_afterwards(upload, shipped, uploader):
    upload(24)
    images = list(Image.objects.order_by("created_at"))
    label = ("glioma", "meningioma", "notumor", "pituitary")
    text = b"\n".join(manifest([image], label=label[number % 4]) for number, image in enumerate(images))
    run = start_run(actor=uploader, manifest=text, seed=3)
    named = run.rule
    GateRule.objects.create(
        number=named.number + 1, allowed_change="a", protocol="p", criteria=DEFAULT_CRITERIA, impact="i"
    )
    training_job.drain()
    run.refresh_from_db()
    assert run.failure_reason == ""
    decision = GateDecision.objects.get()
    assert (decision.training_run, decision.rule, decision.candidate) == (run, named, run.candidate)
    assert decision.criteria[0]["name"] == "figures"
    assert requests_job.drain() == 1
    run.refresh_from_db()
    curve = run.report["learning_curve"]
    assert [point["n"] for point in curve["points"]] == [0, 3, 6, 12, 24]
    assert curve["labels"] == dict.fromkeys(CLASSES, 6)
    assert curve["points"][0]["accuracy"]["mean"] == pytest.approx(0.957, abs=1e-3)

    asked = ask_judgement(actor=uploader, version=run.candidate)
    with pytest.raises(StateConflict, match="in line already"):
        ask_judgement(actor=uploader, version=run.candidate)
    assert requests_job.drain() == 1
    asked.refresh_from_db()
    assert (asked.status, asked.failure_reason) == (GateRequest.Status.SUCCEEDED, "")
    # A rule was written since; what is learned already is judged by the one that was named before.
    assert asked.decision.rule == named
    assert asked.decision.training_run == run
    assert not open_requests(version=run.candidate).exists()


def test_a_version_is_judged_again_by_what_its_run_used_however_often_its_curve_was_drawn(
    upload, shipped, uploader, base
):
    """One line lies in the reference part: the run left it out, so the candidate does not know it."""
    upload(5)
    locked = Image.objects.order_by("created_at")[0]
    Image.objects.filter(pk=locked.pk).update(pixel_sha256=base.checkpoint.reference().hashes[0])
    run = start_run(actor=uploader, manifest=manifest(Image.objects.order_by("created_at")))
    training_job.drain()
    run.refresh_from_db()
    assert run.report["counts"] == {"excluded": 1, "train": 4}
    requests_job.drain()
    ask_curve(actor=uploader, run=run)
    requests_job.drain()
    asked = ask_judgement(actor=uploader, version=run.candidate)
    requests_job.drain()
    asked.refresh_from_db()
    assert (asked.status, asked.failure_reason) == (GateRequest.Status.SUCCEEDED, "")
    first = GateDecision.objects.exclude(pk=asked.decision.pk).get()
    leaks = [next(one for one in of.criteria if one["name"] == "leaks") for of in (first, asked.decision)]
    assert leaks[0] == leaks[1]
    assert leaks[1]["answer"] == "pass"
    assert GateRequest.objects.filter(kind=GateRequest.Kind.CURVE).count() == 2


def test_what_is_in_force_is_not_judged_again_and_a_lost_worker_s_work_is_taken_over(shipped, uploader):
    with pytest.raises(StateConflict, match="is what is in force"):
        ask_judgement(actor=uploader, version=shipped)
    other = register_version(actor=None, name="c", archive=b"no checkpoint at all", metadata={})
    asked = ask_judgement(actor=uploader, version=other)
    first = claim_request()
    assert first == asked
    assert claim_request() is None
    GateRequest.objects.update(lease_expires_at="2020-01-01T00:00:00Z")
    assert requests_job.drain() == 1
    asked.refresh_from_db()
    assert (asked.status, asked.attempt) == (GateRequest.Status.FAILED, 2)
    assert "cannot answer" in asked.failure_reason


def test_work_that_takes_longer_than_its_lease_is_not_taken_over_and_who_lost_it_stops(shipped, uploader):
    other = register_version(actor=None, name="c", archive=b"no checkpoint at all", metadata={})
    asked = ask_judgement(actor=uploader, version=other)
    first = claim_request()
    GateRequest.objects.update(lease_expires_at="2020-01-01T00:00:00Z")
    requests_job.go_on(first)
    assert claim_request() is None
    GateRequest.objects.update(lease_expires_at="2020-01-01T00:00:00Z")
    assert claim_request().attempt == 2
    with pytest.raises(PlatformError, match="taken this over"):
        requests_job.go_on(first)
    asked.refresh_from_db()
    assert asked.status == GateRequest.Status.RUNNING


def test_a_curve_is_of_a_finished_run_of_the_head_alone(upload, shipped, uploader):
    upload()
    run = start_run(actor=uploader, manifest=manifest(Image.objects.all()))
    with pytest.raises(StateConflict, match="finished runs of the recipe head"):
        ask_curve(actor=uploader, run=run)


def test_rules_are_versions_and_a_bad_one_is_refused_with_every_fault(uploader):
    first = current_rule()
    assert (first.number, first.written_by) == (1, None)
    assert current_rule() == first
    texts = {"allowed_change": "a", "protocol": "p", "impact": "i"}
    second = write_rule(actor=uploader, criteria=DEFAULT_CRITERIA | {"ece_margin": 0.01}, expected=1, **texts)
    assert (second.number, second.criteria["ece_margin"], current_rule()) == (2, 0.01, second)
    with pytest.raises(StateConflict, match="Somebody wrote rule 2 meanwhile"):
        write_rule(actor=uploader, criteria=DEFAULT_CRITERIA, expected=1, **texts)
    with pytest.raises(RuleRefused) as refused:
        write_rule(actor=uploader, criteria={"ece_margin": 9}, **texts | {"impact": " "})
    assert "Say the impact." in refused.value.sentence
    assert "ece_margin must be a number from 0 to 0.3, got 9." in refused.value.sentence
    assert "accuracy_margin is missing." in refused.value.sentence
    assert ModelVersion.objects.count() == 0


def test_promoting_changes_what_a_verdict_is_about(shipped, uploader, judged, base):
    candidate = register_version(actor=None, name="c", archive=b"a stand-in", metadata={})
    other = register_version(actor=None, name="d", archive=b"another stand-in", metadata={})
    record_decision(run=None, candidate=candidate, judged=judged(base.checkpoint.head()))
    promote(actor=None, version=other, reason="for the test")
    assert decision_beside(candidate, other) is None
    assert decision_beside(candidate, shipped).verdict == "pass"
