"""Permission for studies, images and predictions: each function returns the object, or raises 404 or 403."""

from uuid import UUID

from django.http import Http404

from classifier.models import Image, Prediction, Study
from classifier.selectors import images_of, predictions_of, studies_of
from mriplatform.accounts.access import NOT_FOUND, require_in
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor


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


def get_prediction(user: Visitor, prediction_id: UUID) -> Prediction:
    """A prediction whose answer the user may see; to everybody else it is not there."""
    prediction = predictions_of(user).filter(pk=prediction_id).first()
    if prediction is None:
        raise Http404(NOT_FOUND)
    return prediction
