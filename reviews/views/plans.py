"""When a collection is retrained by itself."""

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.exceptions import PlatformError
from mriplatform.pages import check_query, person, signed_in
from reviews.access import get_collection_to_plan
from reviews.forms import PlanForm
from reviews.selectors.eligibility import policy_of
from reviews.selectors.planned import planned_label_set
from reviews.selectors.retraining_preview import HEAD, preview_planned
from reviews.services.retraining import plans_of, set_plan
from reviews.views.retraining import page

# What a plan says, as its form and its row name it.
RULES: Final = ("every_labels", "every_hours", "recipe")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def plan(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request)
    collection = get_collection_to_plan(request.user, collection_id)
    plans = list(plans_of(collection).select_related("set_by"))
    initial = {name: getattr(plans[0], name) for name in RULES} if plans else {}
    form, refusal = PlanForm(request.POST or None, initial=initial), None
    if request.method == "POST":
        try:
            found = set_plan(actor=person(request), collection=collection, **form.told())
        except PlatformError as error:
            refusal = error
        else:
            messages.success(request, f"Version {found.version} of the plan counts from now on.")
            return redirect("retraining-plan", collection.pk)
    planned = planned_label_set(collection, policy_of(collection))
    context = {
        "collection": collection,
        "form": form,
        "plans": plans,
        "preview": preview_planned(planned, recipe=plans[0].recipe if plans else HEAD),
    }
    return page(request, "reviews/training_runs/plan.html", context, refusal)
