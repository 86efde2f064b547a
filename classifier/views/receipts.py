"""The receipt of a DICOM study, for whoever sent it and knows what its files were called."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from classifier.access import get_study
from classifier.selectors.receipts import receipt_of
from mriplatform.pages import check_query, signed_in


@require_safe
@signed_in
@never_cache
def study_receipt(request: HttpRequest, study_id: UUID) -> HttpResponse:
    check_query(request)
    study = get_study(request.user, study_id)
    context = {"study": study, "entries": receipt_of(study)}
    return render(request, "classifier/receipt.html", context)
