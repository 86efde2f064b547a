"""Where the labels of one image went, for those who may see labels."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from mriplatform.pages import check_query, signed_in
from reviews.access import get_image_with_labels
from reviews.selectors.image_trace import image_trace
from reviews.views.wording import NAMES


@require_safe
@signed_in
@never_cache
def where_it_went(request: HttpRequest, image_id: UUID) -> HttpResponse:
    check_query(request)
    image = get_image_with_labels(request.user, image_id)
    trace = [{"went": went, "label": NAMES.get(went.entry.label, "–")} for went in image_trace(image)]
    context = {"image": image, "collection": image.collection, "trace": trace}
    return render(request, "reviews/training_runs/image.html", context)
