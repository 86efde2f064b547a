"""Which version reads for a collection: seen with its reasons, and decided."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from classifier.access import get_collection_to_choose, get_version
from classifier.exceptions import PlatformError, StateConflict
from classifier.forms import ChooseVersionForm
from classifier.selectors import choice_of, choices_of, version_in_force, version_reading_for
from classifier.services.choices import choose_version, eligible_versions
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import permissions_in
from mriplatform.api.problems import answer_to
from mriplatform.pages import check_query, person, signed_in, with_headers


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def collection_version(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request)
    if request.method != "POST":
        found = get_collection_to_choose(request.user, collection_id)
        return _page(request, found, ChooseVersionForm())
    found = get_collection_to_choose(request.user, collection_id, Permission.PROMOTE)
    form = ChooseVersionForm(request.POST)
    try:
        _choose(request, found, form)
    except PlatformError as refusal:
        return _page(request, found, form, refusal)
    messages.success(request, f"{_sentence(found)} What is here already keeps its answer.")
    return redirect("collection-version", found.pk)


def _choose(request: HttpRequest, collection: Collection, form: ChooseVersionForm) -> None:
    if not form.is_valid():
        raise StateConflict("Say why, in at most 500 characters, and name a version or none.", status=400)
    chosen = form.cleaned_data["version"]
    choose_version(
        actor=person(request),
        collection=collection,
        version=get_version(request.user, chosen) if chosen else None,
        reason=form.cleaned_data["reason"],
        if_sequence=form.cleaned_data["if_sequence"],
    )


def _sentence(collection: Collection) -> str:
    version = version_reading_for(collection.pk)
    return f"From now on version {version.number} reads here." if version else "No version reads here yet."


def _page(
    request: HttpRequest,
    collection: Collection,
    form: ChooseVersionForm,
    refusal: PlatformError | None = None,
) -> HttpResponse:
    context = {
        "collection": collection,
        "form": form,
        "refusal": refusal,
        "choice": choice_of(collection.pk),
        "choices": choices_of(collection.pk),
        "reads": version_reading_for(collection.pk),
        "in_force": version_in_force(),
        "versions": eligible_versions(),
        "may_choose": Permission.PROMOTE in permissions_in(request.user, collection.pk),
    }
    status = refusal.status if refusal else 200
    response = render(request, "classifier/collection_version.html", context, status=status)
    return with_headers(response, answer_to(refusal))
