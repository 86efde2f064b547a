"""Retraining from a label set: what it would use, and the button."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.exceptions import PlatformError
from classifier.selectors import active_training_run
from mriplatform.api.problems import answer_to
from mriplatform.pages import check_query, person, signed_in, with_headers
from reviews.access import get_label_set_to_train
from reviews.forms import RetrainForm, recipe_of
from reviews.selectors.retraining_preview import HEAD, preview_retraining
from reviews.services.label_sets import retrain as start_retraining


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def retrain(request: HttpRequest, label_set_id: UUID) -> HttpResponse:
    """The form with its preview; a start is a POST. What is chosen in the form can be asked for by GET before."""
    check_query(request, *RetrainForm.base_fields, "csrfmiddlewaretoken")
    label_set = get_label_set_to_train(request.user, label_set_id)
    asked = request.POST if request.method == "POST" else request.GET
    form, refusal = RetrainForm(asked if asked else None), None
    if asked:
        try:
            said = form.told()
            if request.method == "POST":
                run = start_retraining(
                    actor=person(request), label_set=label_set, base=said["base"], seed=said["seed"],
                    recipe=recipe_of(said["recipe"], said["network"]),
                )  # fmt: skip
                messages.success(request, f"{run} is in line.")
                return redirect("training-run", run.pk)
        except PlatformError as error:
            refusal = error
    chosen = form.cleaned_data if asked and form.is_valid() else {}
    context = {
        "label_set": label_set,
        "form": form,
        "preview": preview_retraining(label_set, recipe=chosen.get("recipe", HEAD), base=chosen.get("base")),
        "active_url": _active_url(refusal),
    }
    return page(request, "reviews/training_runs/retrain.html", context, refusal)


def _active_url(refusal: PlatformError | None) -> str:
    """Where the run is for which this one has to wait; empty where that is not why it was refused."""
    if refusal is None or refusal.code != "run_active":
        return ""
    active = active_training_run()
    return reverse("training-run", args=[active.pk]) if active else ""


def page(
    request: HttpRequest, template: str, context: dict[str, Any], refusal: PlatformError | None
) -> HttpResponse:
    """The page with its refusal, if there is one, and the status that goes with it."""
    status = refusal.status if refusal else 200
    response = render(request, template, context | {"refusal": refusal}, status=status)
    return with_headers(response, answer_to(refusal) if refusal else None)
