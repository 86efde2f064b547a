"""A house in which every page has something to show: all roles, and every kind of thing that the platform keeps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.apps import apps
from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from classifier.models import (
    Archive,
    ArchiveEntry,
    GateDecision,
    GateRequest,
    Image,
    JobStatus,
    ModelVersion,
    Promotion,
    Proposal,
    QuarantinedImage,
    RunStatus,
    Shadow,
    TrainingRun,
)
from classifier.services.archive_parts import receive_part
from classifier.services.archives import create_archive
from classifier.services.choices import choose_version
from classifier.services.promotion import propose
from classifier.services.quarantine_decisions import reject_quarantined
from classifier.services.shadow import start_shadow
from classifier.services.uploads import Grouping, UploadedPart, receive_upload
from ml.gate import judge
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Role
from mriplatform.accounts.services import make_token
from mriplatform.identifiers import uuid7
from mriplatform.outbox.models import Delivery, DeliveryAttempt, Endpoint
from mriplatform.outbox.publishing import publish
from mriplatform.webhooks.services import make_endpoint
from reviews.models import ImportedLabel, LabelErrorSearch, LabelSet, Reading, Rescore, SentBack
from reviews.services.adjudication import adjudicate
from reviews.services.eligibility import set_policy
from reviews.services.figures import compute_figures
from reviews.services.known_cases import set_known_case
from reviews.services.label_sets import freeze_label_set
from reviews.services.protocols import set_protocol
from reviews.services.reading import claim_image
from reviews.services.rescoring import start_rescore
from reviews.services.retraining import set_plan
from tests.classifier.intake.dicom_files import as_file, mr
from tests.e2e.reading_room import furnish, say, slice_image, strange_image
from tests.factories import (
    analysed_image,
    make_collection,
    make_decision,
    make_prediction,
    make_study,
    make_user,
    make_version,
)
from tests.quarantined import make_quarantined
from tests.reviews.acts import Read
from tests.reviews.runs import make_run

STAFF = (Role.ML_ENGINEER, Role.APPROVER, Role.AUDITOR, Role.ADMIN)
# The apps of ours in the admin; those of others there are theirs.
OURS = ("accounts", "audit", "classifier", "outbox", "reviews")


@dataclass
class House:
    """Who is there, and what they have.

    Attributes:
        people: by role, somebody who holds it in all collections.
        collection: read blind by three readers, with something in every state.
        assisted, empty: one in which the answer is shown from the start, and one without any study.
        readings: of the radiologist, by the step that they are at.
    """

    people: dict[str, User]
    collection: Collection
    assisted: Collection
    empty: Collection
    readings: dict[str, Reading] = field(default_factory=dict)
    things: dict[str, Any] = field(default_factory=dict)


def build() -> House:
    """The house, in the test's database."""
    collection, rivera = furnish()
    assisted, empty = make_collection("Follow-up, assisted"), make_collection("New ward")
    people = {Role.UPLOADER.value: User.objects.get(username="uma"), Role.RADIOLOGIST.value: rivera}
    for role in Role:
        if role.value not in people:
            people[role.value] = make_user(
                role.value,
                collection=collection,
                role=role,
                is_staff=role in STAFF,
                is_superuser=role is Role.ADMIN,
            )
        for other in (assisted, empty):
            people[role.value].memberships.create(collection=other, role=role)
    house = House(people, collection, assisted, empty)
    _read(house)
    _assisted(house)
    _machine(house)
    _archives(house)
    compute_figures(collection=collection)
    _webhooks(house)
    _dicom(house)
    make_token(user=rivera, name="viewer", days=30)
    return house


def _read(house: House) -> None:
    """Three readers: six images finished, one disputed, one decided, and one at each step of a reading."""
    collection, rivera, read = house.collection, house.people["radiologist"], Read()
    rules = {"mode": "blinded_first", "readers_per_image": 3, "adjudication_rule": "majority"}
    set_protocol(actor=house.people["admin"], collection=collection, **rules)
    others = [make_user(name, collection=collection, role=Role.RADIOLOGIST) for name in ("chen", "silva")]
    names = ("glioma", "meningioma", "pituitary", "notumor", "glioma", "meningioma")
    finished = [analysed_image(collection, label=name) for name in names]
    for image, name in zip(finished, names, strict=True):
        for reader in (rivera, *others):
            read.finished(reader, image, "meningioma" if reader is others[1] else name)
    disputed, decided, waiting = list(
        Image.objects.filter(collection=collection).order_by("created_at", "id")
    )[:3]
    for image in (disputed, decided):
        for reader, name in zip((rivera, *others), names, strict=False):
            read.finished(reader, image, name)
    decision = {"label": "meningioma", "rationale": "Broad dural base, and it enhances evenly."}
    adjudicate(adjudicator=house.people["adjudicator"], image=decided, **decision)
    seeds = {
        "first_read": read.claimed,
        "reveal": read.first,
        "verdict": read.revealed,
        "done": read.finished,
    }
    study = None
    for number, (step, bring) in enumerate(seeds.items(), start=20):
        image = slice_image(collection, "meningioma", seed=number)
        say(image, "meningioma", 0.72)
        house.readings[step] = bring(rivera, image)
        study = study or image.study
    known = slice_image(collection, "pituitary", seed=40)
    say(known, "pituitary", 0.9)
    set_known_case(actor=house.people["admin"], image=known, label="pituitary", source="Histology")
    strange_image(collection)
    house.things |= {"disputed": disputed, "decided": decided, "study": decided.study, "waiting": waiting}


def _assisted(house: House) -> None:
    set_protocol(actor=house.people["admin"], collection=house.assisted, mode="assisted", order="entropy")
    for seed, name in enumerate(("glioma", "notumor", "pituitary"), start=60):
        image = slice_image(house.assisted, name, seed=seed)
        say(image, name, 0.66)
        house.things.setdefault("assisted_study", image.study)
    strange_image(house.assisted)
    house.readings["assisted"] = claim_image(reader=house.people["radiologist"], image=image)


def _dicom(house: House) -> None:
    """A study that came as DICOM: two series, and an image whose header says that there is writing in it."""
    files = [as_file(mr(seed, study=3)) for seed in (1, 2)]
    files += [
        as_file(mr(7, study=3, SeriesInstanceUID="1.2.3")),
        as_file(mr(8, study=3, BurnedInAnnotation="YES")),
    ]
    result = receive_upload(
        actor=house.people["uploader"],
        collection=house.assisted,
        files=[UploadedPart(data) for data in files],
        grouping=Grouping.ONE_STUDY,
    )
    house.things["dicom"] = result.studies[0]


def _archives(house: House) -> None:
    """An uploader's archives: one that is being sent, one that waits for a word, and a refused one."""
    uploader, study = house.people["uploader"], house.things["decided"].study
    states = {"receiving": "", "checked": "", "refused": "Entry 2: The file is empty."}
    made = []
    for status, sentence in states.items():
        begun = create_archive(actor=uploader, collection=house.collection, size=9_000_000)
        Archive.objects.filter(pk=begun.pk).update(
            status=status, sentence=sentence, folder_labels=True, dataset="Ward"
        )
        made.append(begun)
    kinds = {"good": "", "duplicate": "", "refused": "The file is empty.", "quarantined": "", "ignored": ""}
    for number, (outcome, sentence) in enumerate(kinds.items(), start=1):
        ArchiveEntry.objects.create(
            archive=made[1], number=number, outcome=outcome, sentence=sentence, sha256="9f86d081" * 8, label="glioma",
            study=study if outcome == "duplicate" else None,
        )  # fmt: skip
    receive_part(archive=made[0], number=2, data=bytes(settings.ARCHIVE_PART_BYTES))
    house.things["archives"] = made


def _machine(house: House) -> None:
    """What the machine's people look at: another version and its answer, a failed image, a frozen set, a run."""
    collection, engineer = house.collection, house.people["ml_engineer"]
    other = make_version(promoted=False)
    make_prediction(house.things["decided"], label="glioma", version=other, for_comparison=True)
    # The other one was in force for a while, so that there is one to go back to.
    for sequence, version in enumerate((other, ModelVersion.objects.get(number=1)), start=2):
        Promotion.objects.create(
            sequence=sequence, model_version=version, kind=Promotion.Kind.PROMOTE, reason="for the test"
        )
    failed = make_study(collection).images.get()
    gone = {"probabilities": None, "maps": None, "embedding": None}
    make_prediction(
        failed, status=JobStatus.FAILED, failure_reason="The worker was lost three times.", **gone
    )
    waiting = make_study(collection).images.get()
    make_prediction(waiting, status=JobStatus.QUEUED, finished_at=None, **gone)
    choose_version(
        actor=house.people["approver"],
        collection=house.assisted,
        version=None,
        reason="Follow what is in force.",
    )
    decision = _verdict(other)
    proposal = propose(actor=engineer, version=other, reason="It learned from the ward's corrections.")
    start_shadow(
        actor=engineer,
        version=other,
        collection=collection,
        reason="To see how it does on the ward's images.",
    )
    reads = ModelVersion.objects.get(number=1)
    for place, per_minute in ((collection, 60), (house.assisted, 120)):
        start_rescore(
            actor=engineer,
            collection=place,
            version=reads,
            per_minute=per_minute,
            reason="It is in force again.",
        )
    frozen = freeze_label_set(actor=engineer, collection=collection)
    _rank_errors(frozen)
    set_policy(actor=engineer, collection=collection, rule="adjudicated")
    set_plan(actor=engineer, collection=collection, every_labels=50, every_hours=24)
    run = make_run(frozen, RunStatus.SUCCEEDED, base_version=other, started_by=engineer)
    running = make_run(frozen, RunStatus.RUNNING, started_by=engineer)
    GateRequest.objects.create(kind=GateRequest.Kind.CURVE, training_run=run, asked_by=engineer)
    quarantined = make_quarantined(collection, house.people["uploader"], seed=71)
    reject_quarantined(
        actor=house.people["intake_reviewer"],
        quarantined=make_quarantined(collection, house.people["uploader"], seed=72),
        reason="It names the patient.",
    )
    house.things |= {
        "quarantined": quarantined,
        "rejected": QuarantinedImage.objects.get(status="rejected"),
        "other": other,
        "proposal": proposal,
        "decision": decision,
        "failed": failed.study,
        "queued": waiting.study,
        "run": run,
        "running": running,
        "label_set": frozen,
    }


def _webhooks(house: House) -> None:
    """What a radiologist and an engineer are told of: a webhook that works, more or less, and one that was stopped."""
    rivera, engineer = house.people["radiologist"], house.people["ml_engineer"]
    # An address of digits: no name is looked up.
    kinds = ["review.submitted", "study.final"]
    works, _ = make_endpoint(
        owner=rivera,
        collection=house.collection,
        url="https://8.8.8.8/mri/ward",
        kinds=kinds,
        name="Ward dashboard",
    )
    stopped, _ = make_endpoint(
        owner=engineer, collection=None, url="https://8.8.8.8/models", kinds=["model_version.promoted"]
    )
    states = (
        ("delivered", 204, ""),
        ("given_up", 0, "No answer came in time."),
        ("waiting", 500, "It answered 500."),
    )
    for state, status, error in states:
        event = publish(
            kind="study.final", object_id=uuid7(), collection_id=house.collection.pk, data={"status": "final"}
        )
        delivery = works.deliveries.get(event=event)
        DeliveryAttempt.objects.create(
            delivery=delivery, number=1, status=status, milliseconds=87, error=error
        )
        Delivery.objects.filter(pk=delivery.pk).update(state=state, attempts=1, cleared_at=timezone.now())
    reason = "Every try has failed since 1 March 2026, 12:00 UTC."
    Endpoint.objects.filter(pk=stopped.pk).update(state="disabled", state_reason=reason)
    house.things |= {"webhook": works, "webhook_stopped": stopped}


def _rank_errors(label_set: LabelSet) -> None:
    """What a search for likely label errors would find: the first two wrong, the others unsure."""
    used = label_set.entries.exclude(split="excluded")
    rows = [
        [str(entry.image_id), entry.label, "notumor" if entry.label != "notumor" else "glioma", 0.12, 0.81, 0.845,
         number < 2] for number, entry in enumerate(used)
    ]  # fmt: skip
    LabelErrorSearch.objects.create(
        label_set=label_set, model_version=ModelVersion.objects.get(number=1), status="succeeded",
        finished_at=timezone.now(),
        result={"rows": rows, "likely": 2, "used": len(rows), "without": 1, "joint": [], "seconds": 0.4},
    )  # fmt: skip
    # As an import and a sending back leave them.
    last = used.last().image
    ImportedLabel.objects.create(image=last, label="glioma", split="train", dataset="figshare")
    SentBack.objects.create(image=last, label_set=label_set, score=0.845, reason="likely wrong")


def _verdict(version: ModelVersion) -> GateDecision:
    """What the gate would say of a version that has lost a few meningiomas."""
    labels = np.repeat(np.arange(4), 60)
    wrong = labels.copy()
    wrong[60:64] = 2
    judged = judge(*(np.where(np.eye(4)[said] == 1, 0.97, 0.01) for said in (wrong, labels)), labels)
    criteria = [one.as_dict() for one in judged.criteria]
    return make_decision(version, ModelVersion.objects.get(number=1), judged.verdict, criteria=criteria)


def _study_pages(things: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for study in ("study", "assisted_study", "failed", "queued", "dicom"):
        yield "study", reverse("study", args=[things[study].pk])
    for study in ("dicom", "study"):
        yield "study-receipt", reverse("study-receipt", args=[things[study].pk])
    yield "study-compare", reverse("study-compare", args=[things["study"].pk])


def _gate_pages(decision: GateDecision) -> Iterator[tuple[str, str]]:
    yield "gate-rules", reverse("gate-rules")
    yield "gate-rule", reverse("gate-rule", args=[decision.rule_id])
    yield "gate-decision", reverse("gate-decision", args=[decision.pk])


def pages(house: House) -> Iterator[tuple[str, str]]:
    """Every page that is looked at, by the name of its address in the resolver, some in more than one state."""
    things, collections = house.things, (house.collection, house.assisted, house.empty)
    plain = (
        "home",
        "login",
        "account",
        "password",
        "versions",
        "in-force",
        "roll-back",
        "training-runs",
        "webhooks",
        "api-docs",
    )
    yield from ((name, reverse(name)) for name in plain)
    for name in ("collection", "worklist", "figures", "not-assessable", "labels", "disagreements"):
        yield from ((name, reverse(name, args=[collection.pk])) for collection in collections)
    for name in ("shadows", "rescores"):
        yield from ((name, reverse(name, args=[collection.pk])) for collection in collections)
    for name in ("upload", "archives", "collection-version", "protocol", "known-cases", "own-figures"):
        yield name, reverse(name, args=[house.collection.pk])
    yield "protocol", reverse("protocol", args=[house.assisted.pk])
    yield "disagreements", reverse("disagreements", args=[house.collection.pk]) + "?decided"
    for image in ("disputed", "decided"):
        yield "disagreement", reverse("disagreement", args=[house.collection.pk, things[image].pk])
    yield from _study_pages(things)
    yield from (("archive", reverse("archive", args=[one.pk])) for one in things["archives"])
    yield from (
        ("webhook", reverse("webhook", args=[things[one].pk])) for one in ("webhook", "webhook_stopped")
    )
    for name in ("version", "version-propose"):
        yield name, reverse(name, args=[things["other"].pk])
    yield "proposal", reverse("proposal", args=[things["proposal"].pk])
    yield from _gate_pages(things["decision"])
    yield "in-force", reverse("in-force") + f"?collection={house.assisted.pk}"
    for name in ("training-run", "training-run-cancel", "training-run-trace"):
        yield name, reverse(name, args=[things["run"].pk])
    yield "training-run", reverse("training-run", args=[things["running"].pk])
    yield "training-run-cancel", reverse("training-run-cancel", args=[things["running"].pk])
    yield "label-set-retrain", reverse("label-set-retrain", args=[things["label_set"].pk])
    yield "retraining-plan", reverse("retraining-plan", args=[house.collection.pk])
    yield "image-trace", reverse("image-trace", args=[things["decided"].pk])
    for name in ("label-sets", "eligibility", "label-set-freeze"):
        yield from (
            (name, reverse(name, args=[collection.pk])) for collection in (house.collection, house.empty)
        )
    yield "quarantine", reverse("quarantine", args=[house.collection.pk])
    yield "quarantine", reverse("quarantine", args=[house.collection.pk]) + "?decided"
    yield from (
        ("quarantined", reverse("quarantined", args=[things[one].pk])) for one in ("quarantined", "rejected")
    )
    yield "import-labels", reverse("import-labels", args=[house.collection.pk])
    for name in ("label-set", "label-set-compare", "label-errors"):
        yield name, reverse(name, args=[things["label_set"].pk])
    yield from _reading_pages(house)


def _reading_pages(house: House) -> Iterator[tuple[str, str]]:
    yield from (("reading", reverse("reading", args=[reading.pk])) for reading in house.readings.values())
    for change in ("amend", "withdraw"):
        yield "reading", reverse("reading", args=[house.readings["done"].pk]) + f"?{change}=1"


def admin_pages() -> Iterator[tuple[str, str]]:
    """The pages of the admin that are about things of ours: lists, and one thing of each kind."""
    yield from ((f"admin:{name}", reverse(f"admin:{name}")) for name in ("index", "password_change"))
    yield from ((f"admin:{app}", reverse("admin:app_list", args=[app])) for app in OURS)
    newest, frozen = ModelVersion.objects.latest("number"), LabelSet.objects.latest("number")
    for name, arguments in (
        ("reviews_labelset_freeze", []),
        ("classifier_shadow_start", []),
        ("classifier_shadow_act", [Shadow.objects.get().pk, "end"]),
        ("reviews_rescore_start", []),
        ("reviews_rescore_act", [Rescore.objects.latest("pk").pk, "pause"]),
        ("reviews_labelset_retrain", [frozen.pk]),
        ("reviews_labelset_likely_errors", [frozen.pk]),
        ("classifier_trainingrun_cancel", [TrainingRun.objects.latest("number").pk]),
        ("classifier_modelversion_propose", [newest.pk]),
        ("classifier_proposal_decide", [Proposal.objects.get().pk]),
        ("classifier_modelversion_roll_back", []),
    ):
        yield f"admin:{name}", reverse(f"admin:{name}", args=arguments)
    for app in OURS:
        for model in apps.get_app_config(app).get_models():
            yield from _admin_pages_of(f"{app}_{model._meta.model_name}", model)


def _admin_pages_of(name: str, model: Any) -> Iterator[tuple[str, str]]:
    try:
        yield f"admin:{name}_changelist", reverse(f"admin:{name}_changelist")
    except NoReverseMatch:
        return
    thing = model._default_manager.first()
    assert thing is not None, f"the house has no {name}"
    yield f"admin:{name}_add", reverse(f"admin:{name}_add")
    yield f"admin:{name}_change", reverse(f"admin:{name}_change", args=[thing.pk])
