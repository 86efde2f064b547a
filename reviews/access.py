"""Permission for readings, labels and label sets: each function returns the object, or raises 404 or 403."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404

from classifier.access import get_collection_to_choose, require_run
from classifier.models import Image, Shadow, TrainingRun
from classifier.selectors.same_pixels import reads_pixels_of, same_pixels_read_by
from classifier.selectors.training_runs import sees_run_labels, training_run_of
from mriplatform.accounts.access import NOT_FOUND, get_collection, require_anywhere, require_in
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, collections_of, is_reader_in, permissions_in
from reviews.models import LabelSet, Reading, Rescore
from reviews.selectors import readings_of, to_decide
from reviews.selectors.frozen import label_sets_there

READERS_GET_NO_LABELS = (
    "You read in this collection, and its labels say what the machine and the others answered on images that you "
    "may have yet to read. Somebody who does not read here can download them."
)

READERS_ELSEWHERE_GET_NO_LABELS = (
    "You read images in another collection that lie in this one as well, and what is said of them here, alone or in "
    "all, may tell what you have yet to read. Somebody who does not read them can see it."
)

READERS_GET_NO_TRACE = (
    "The trace names images with their labels, so it is shown only to those who may download the labels of the run's "
    "collection, and do not read there, nor the same images elsewhere."
)

READERS_GET_NO_KNOWN_CASES = (
    "You read in this collection, and are measured by its known cases. Somebody who does not read here sees to "
    "them."
)


def get_reading(user: Visitor, reading_id: UUID) -> Reading:
    """The user's own reading, with its image, protocol and events; anybody else's is not there."""
    reading = readings_of(user).select_related("image__collection").filter(pk=reading_id).first()
    if reading is None:
        raise Http404(NOT_FOUND)
    return reading


def get_collection_to_read(user: Visitor, collection_id: UUID) -> Collection:
    return get_collection(user, collection_id, Permission.READ)


def get_image_to_read(user: Visitor, image_id: UUID) -> Image:
    """An image of a collection in which the user reads."""
    image = _image(image_id)
    get_collection_to_read(user, image.collection_id)
    return image


def get_collection_to_adjudicate(user: Visitor, collection_id: UUID) -> Collection:
    return get_collection(user, collection_id, Permission.ADJUDICATE)


def get_image_to_adjudicate(user: Visitor, image_id: UUID) -> Image:
    """An image of a collection in which the user adjudicates."""
    image = _image(image_id)
    get_collection_to_adjudicate(user, image.collection_id)
    return image


def get_image_to_decide(user: User, collection: Collection, image_id: UUID) -> Image:
    """A disputed or decided image that the user, an adjudicator of its collection, has not begun to read."""
    standing = to_decide(collection, user).filter(pk=image_id).first()
    if standing is None:
        raise Http404(NOT_FOUND)
    return standing.image


def get_collection_with_labels(user: Visitor, collection_id: UUID) -> Collection:
    """A collection whose labels the user may download, but for what they read of the same pixels elsewhere (see
    `labels`): never one in which they read."""
    collection = get_collection(user, collection_id, Permission.DOWNLOAD_LABELS)
    if is_reader_in(user, collection_id):
        raise PermissionDenied(READERS_GET_NO_LABELS)
    return collection


def get_collection_with_label_sets(user: Visitor, collection_id: UUID) -> Collection:
    """A collection whose labels the user may see as a whole: never one whose pixels they read, there or elsewhere."""
    collection = get_collection(user, collection_id, Permission.DOWNLOAD_LABELS)
    _require_no_reader(user, collection_id)
    return collection


def get_collection_to_freeze(user: Visitor, collection_id: UUID) -> Collection:
    """A collection whose labels the user freezes, and by which policy: never one whose pixels they read."""
    collection = get_collection(user, collection_id, Permission.FREEZE_LABELS)
    _require_no_reader(user, collection_id)
    return collection


def _require_no_reader(user: Visitor, collection_id: UUID) -> None:
    if is_reader_in(user, collection_id):
        raise PermissionDenied(READERS_GET_NO_LABELS)
    if reads_pixels_of(user, collection_id):
        raise PermissionDenied(READERS_ELSEWHERE_GET_NO_LABELS)


def get_collection_to_configure(user: Visitor, collection_id: UUID) -> Collection:
    """A collection whose protocol the user sets."""
    return get_collection(user, collection_id, Permission.SET_PROTOCOL)


def get_collection_with_known_cases(user: Visitor, collection_id: UUID) -> Collection:
    """A collection whose known cases the user sets: never one in which they read."""
    collection = get_collection_to_configure(user, collection_id)
    if is_reader_in(user, collection_id):
        raise PermissionDenied(READERS_GET_NO_KNOWN_CASES)
    return collection


def get_image_of(collection: Collection, image_id: UUID) -> Image:
    """An image of a collection that the user was let into."""
    image = _image(image_id)
    if image.collection_id != collection.pk:
        raise Http404(NOT_FOUND)
    return image


def get_label_set(user: Visitor, label_set_id: UUID) -> LabelSet:
    """A label set of a collection whose labels the user may see as a whole; where they read it is not there."""
    label_set = label_sets_there(user).filter(pk=label_set_id).first()
    if label_set is None:
        raise Http404(NOT_FOUND)
    _require_no_reader(user, label_set.collection_id)
    return label_set


def get_training_run(user: Visitor, run_id: UUID) -> TrainingRun:
    """A training run, for those who may see models; `sees_run_figures` and `sees_run_labels` say how much of it."""
    require_anywhere(user, Permission.VIEW_MODELS)
    run = training_run_of(run_id)
    if run is None:
        raise Http404(NOT_FOUND)
    return run


def get_training_run_with_trace(user: Visitor, run_id: UUID) -> TrainingRun:
    """A run whose labels the user may see, one by one."""
    run = get_training_run(user, run_id)
    if not sees_run_labels(user, run):
        raise PermissionDenied(READERS_GET_NO_TRACE)
    return run


def get_training_run_to_change(user: Visitor, run_id: UUID) -> TrainingRun:
    """A run that the user may stop, or have more of it drawn: in its collection, where it has one."""
    run = get_training_run(user, run_id)
    require_run(user, run)
    return run


def get_image_with_labels(user: Visitor, image_id: UUID) -> Image:
    """An image whose labels the user may see: never one that they read, there or in another collection."""
    image = _image(image_id)
    get_collection_with_labels(user, image.collection_id)
    if Image.objects.filter(same_pixels_read_by(user), pk=image.pk).exists():
        raise PermissionDenied(READERS_ELSEWHERE_GET_NO_LABELS)
    return image


def get_label_set_to_correct(user: Visitor, label_set_id: UUID) -> LabelSet:
    """A label set whose labels the user may search for errors and send back to be read."""
    label_set = get_label_set(user, label_set_id)
    require_in(user, label_set.collection_id, Permission.FREEZE_LABELS)
    return label_set


def get_label_set_to_train(user: Visitor, label_set_id: UUID) -> LabelSet:
    """A label set of a collection in which the user may train."""
    label_set = get_label_set(user, label_set_id)
    require_in(user, label_set.collection_id, Permission.TRAIN)
    return label_set


def get_collection_to_plan(user: Visitor, collection_id: UUID) -> Collection:
    """A collection whose retraining plan the user sets: never one whose pixels they read."""
    collection = get_collection(user, collection_id, Permission.TRAIN)
    _require_no_reader(user, collection_id)
    return collection


def get_collection_with_shadows(
    user: Visitor, collection_id: UUID, permission: Permission = Permission.VIEW_MODELS
) -> Collection:
    """A collection of which the user may see how versions in its shadow do on its labels: never one whose pixels they
    read."""
    collection = get_collection_to_choose(user, collection_id, permission)
    _require_no_reader(user, collection_id)
    return collection


def get_shadow(user: Visitor, shadow_id: UUID, permission: Permission) -> Shadow:
    """A version in the shadow of a collection, for those who hold a permission there and do not read there."""
    shadow = Shadow.objects.filter(pk=shadow_id).select_related("model_version").first()
    if shadow is None:
        raise Http404(NOT_FOUND)
    get_collection_with_shadows(user, shadow.collection_id, permission)
    return shadow


def get_rescore(user: Visitor, rescore_id: UUID, permission: Permission) -> Rescore:
    """A pass over the backlog of a collection, for those who hold a permission there and do not read there."""
    rescore = Rescore.objects.filter(pk=rescore_id).select_related("model_version").first()
    if rescore is None:
        raise Http404(NOT_FOUND)
    get_collection_to_choose(user, rescore.collection_id, permission)
    return rescore


def _image(image_id: UUID) -> Image:
    image = Image.objects.select_related("study", "collection").filter(pk=image_id).first()
    if image is None:
        raise Http404(NOT_FOUND)
    return image


def get_collection_with_figures(user: Visitor, collection_id: UUID) -> tuple[Collection, bool]:
    """A collection whose figures the user may see, and whether all of them.

    Who reads or adjudicates there, or reads some of its pixels elsewhere, gets those of images that nobody reads any
    more, whatever else they hold.
    """
    collection = collections_of(user).filter(pk=collection_id).first()
    if collection is None:
        raise Http404(NOT_FOUND)
    granted = permissions_in(user, collection_id)
    if not granted & {Permission.DOWNLOAD_LABELS, Permission.READ, Permission.ADJUDICATE}:
        raise PermissionDenied("None of your roles in this collection sees its figures.")
    return collection, not reads_pixels_of(user, collection_id)


def get_collection_to_measure(user: Visitor, collection_id: UUID) -> Collection:
    """A collection whose figures the user may have made anew; never one in which they read.

    Figures made after each reading would tell what that one reading said.
    """
    collection, all_of_them = get_collection_with_figures(user, collection_id)
    if not all_of_them or not permissions_in(user, collection_id) & {
        Permission.FREEZE_LABELS,
        Permission.PROMOTE,
    }:
        raise PermissionDenied("None of your roles in this collection has figures made; they are made daily.")
    return collection
