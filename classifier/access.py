"""Permission for studies, images and predictions: each function returns the object, or raises 404 or 403."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404

from classifier.exceptions import StateConflict
from classifier.models import (
    Archive,
    GateDecision,
    GateRule,
    Image,
    ModelVersion,
    Prediction,
    Proposal,
    QuarantinedImage,
    Study,
    TrainingRun,
)
from classifier.selectors import images_of, model_versions, predictions_of, sees_answers, studies_of
from classifier.selectors.archives import archives_of, rights_to_send
from classifier.selectors.gate import gate_decisions, gate_rules
from classifier.selectors.proposals import proposals
from classifier.selectors.quarantine import quarantined_of
from mriplatform.accounts.access import NOT_FOUND, get_collection, require_anywhere, require_in
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, has_anywhere, is_reader_in, permissions_in

READERS_GET_NO_ANSWERS = (
    "You read in this collection, so what the model says is shown to you in your reading. Somebody who does not read "
    "here can see this list."
)

READERS_GET_NO_RESULTS = (
    "You read these images, so what the model and the others say of them is shown to you in your reading alone. "
    "Somebody who does not read them can take the results away."
)
READERS_COMPARE_NOTHING = (
    "You read these images, so what any version says of them is shown to you in your reading alone. Somebody who "
    "does not read them can compare versions."
)
READERS_GET_NO_REASONS = (
    "You read in this collection, and the reasons for a version may speak of what the machine answers here. Somebody "
    "who does not read here can see and decide."
)


def get_study(user: Visitor, study_id: UUID, permission: Permission = Permission.VIEW_STUDIES) -> Study:
    study = studies_of(user).filter(pk=study_id).first()
    if study is None:
        raise Http404(NOT_FOUND)
    require_in(user, study.collection_id, permission)
    return study


def get_image(user: Visitor, image_id: UUID, permission: Permission = Permission.VIEW_STUDIES) -> Image:
    image = images_of(user).filter(pk=image_id).first()
    if image is None:
        raise Http404(NOT_FOUND)
    require_in(user, image.collection_id, permission)
    return image


def require_run(user: Visitor, run: TrainingRun) -> None:
    """Refuse whoever may not train where a run belongs: in its collection, or anywhere where it has none."""
    if run.collection_id is None:
        require_anywhere(user, Permission.TRAIN)
    else:
        get_collection(user, run.collection_id, Permission.TRAIN)


def get_quarantined(user: Visitor, quarantined_id: UUID) -> QuarantinedImage:
    """What is or was in quarantine, for the reviewers of its collection's intake; to everybody else it is not there."""
    found = quarantined_of(user).filter(pk=quarantined_id).first()
    if found is None:
        raise Http404(NOT_FOUND)
    return found


def get_collection_with_answers(user: Visitor, collection_id: UUID) -> Collection:
    """A collection in which the user may see answers, if only those of final studies: never one in which they read."""
    collection = get_collection(user, collection_id, Permission.VIEW_STUDIES)
    if is_reader_in(user, collection_id):
        raise PermissionDenied(READERS_GET_NO_ANSWERS)
    return collection


def get_study_with_answers(user: Visitor, study_id: UUID) -> Study:
    """A study of which the user may take away what the machine and the readers said: never one that they read.

    Raises:
        Http404: not there, or not theirs.
        PermissionDenied: they read these images.
        StateConflict: it comes out to them once it is final.
    """
    study = get_study(user, study_id)
    _require_answers(user, study)
    return study


def get_image_with_answers(user: Visitor, image_id: UUID) -> Image:
    """An image of such a study; raises as `get_study_with_answers`."""
    image = get_image(user, image_id)
    _require_answers(user, image.study)
    return image


def _require_answers(user: Visitor, study: Study) -> None:
    if sees_answers(user, study):
        return
    may = Permission.VIEW_PREDICTIONS in permissions_in(user, study.collection_id)
    if not may and study.finalised_at is None and not is_reader_in(user, study.collection_id):
        raise StateConflict(
            "The results come out once the readers have given every image of this study its final label.",
            code="not_final",
        )
    raise PermissionDenied(READERS_GET_NO_RESULTS)


def get_study_to_compare(
    user: Visitor, study_id: UUID, permission: Permission = Permission.VIEW_PREDICTIONS
) -> Study:
    """A study that the user may see as several versions read it: never one whose answer they must not see."""
    study = get_study(user, study_id, permission)
    if not sees_answers(user, study):
        raise PermissionDenied(READERS_COMPARE_NOTHING)
    return study


def get_collection_to_choose(
    user: Visitor, collection_id: UUID, permission: Permission = Permission.VIEW_MODELS
) -> Collection:
    """A collection of which the user may see why its version was named: reasons may speak of answers."""
    collection = get_collection(user, collection_id, permission)
    if is_reader_in(user, collection_id):
        raise PermissionDenied(READERS_GET_NO_REASONS)
    return collection


def get_archive(user: Visitor, archive_id: UUID) -> Archive:
    """An archive that the user sent, into a collection into which they still may."""
    archive = archives_of(user).filter(pk=archive_id).first()
    if archive is None:
        raise Http404(NOT_FOUND)
    return archive


def get_collection_to_send_archives(
    user: Visitor, collection_id: UUID, *, labels: bool = False
) -> Collection:
    """A collection into which the user may send archives; with labels, who may freeze labels there.

    What a folder's name says is learned from as an imported label is, so it needs what an import needs.
    """
    collection = get_collection(user, collection_id, Permission.UPLOAD)
    if not rights_to_send(labels=labels) <= permissions_in(user, collection_id):
        raise PermissionDenied(
            "None of your roles in this collection may bring labels along (freeze_labels). Send the images without."
        )
    return collection


def get_version(user: Visitor, version_id: UUID) -> ModelVersion:
    """A model version, for those who may see them."""
    require_anywhere(user, Permission.VIEW_MODELS)
    version = model_versions().filter(pk=version_id).first()
    if version is None:
        raise Http404(NOT_FOUND)
    return version


def get_prediction(user: Visitor, prediction_id: UUID) -> Prediction:
    """A prediction whose answer the user may see; to everybody else it is not there."""
    prediction = predictions_of(user).filter(pk=prediction_id).first()
    if prediction is None:
        raise Http404(NOT_FOUND)
    return prediction


def get_proposal(user: Visitor, proposal_id: UUID) -> Proposal:
    """A proposal with what became of it, for those who may see versions."""
    require_anywhere(user, Permission.VIEW_MODELS)
    proposal = proposals().filter(pk=proposal_id).first()
    if proposal is None:
        raise Http404(NOT_FOUND)
    return proposal


def get_proposal_to_decline(user: Visitor, proposal_id: UUID) -> Proposal:
    """A proposal that the user may turn down: an approver, or whoever made it."""
    proposal = get_proposal(user, proposal_id)
    if proposal.proposed_by_id != user.pk:
        require_anywhere(user, Permission.PROMOTE)
    return proposal


def may_roll_back(user: Visitor) -> bool:
    """Who puts versions in force and who proposes them may go back alone: what comes back was in force before."""
    return any(has_anywhere(user, permission) for permission in (Permission.PROMOTE, Permission.TRAIN))


def require_roll_back(user: Visitor) -> None:
    if not may_roll_back(user):
        raise PermissionDenied("None of your roles may go back to an earlier version (promote, train).")


def get_gate_rule(user: Visitor, rule_id: UUID) -> GateRule:
    """A version of the gate's rule, for those who may see versions."""
    require_anywhere(user, Permission.VIEW_MODELS)
    rule = gate_rules().filter(pk=rule_id).first()
    if rule is None:
        raise Http404(NOT_FOUND)
    return rule


def get_gate_decision(user: Visitor, decision_id: UUID) -> GateDecision:
    """A verdict of the gate, for those who may see versions."""
    require_anywhere(user, Permission.VIEW_MODELS)
    decision = gate_decisions().filter(pk=decision_id).first()
    if decision is None:
        raise Http404(NOT_FOUND)
    return decision


def may_ask_the_gate(user: Visitor) -> bool:
    """Who trains and who decides may have a version judged again: it costs the locked part one more use."""
    return any(has_anywhere(user, permission) for permission in (Permission.PROMOTE, Permission.TRAIN))


def require_gate(user: Visitor) -> None:
    if not may_ask_the_gate(user):
        raise PermissionDenied("None of your roles may ask the gate (promote, train).")
