"""A failed prediction, tried again."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from classifier.access import get_prediction
from classifier.services.predictions import retry_prediction
from mriplatform.accounts.access import require_in
from mriplatform.accounts.roles import Permission
from mriplatform.pages import person, says_refusals, signed_in


@require_POST
@signed_in
@says_refusals
def prediction_retry(request: HttpRequest, prediction_id: UUID) -> HttpResponse:
    prediction = get_prediction(request.user, prediction_id)
    require_in(request.user, prediction.image.collection_id, Permission.RETRY_PREDICTIONS)
    retry_prediction(actor=person(request), prediction_id=prediction.pk)
    messages.success(request, "The image is in line again.")
    return redirect("study", prediction.image.study_id)
