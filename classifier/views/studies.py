"""One study: its images, how far they are, and, for those who may see it, what the machine says."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from classifier.access import get_study
from classifier.exceptions import StateConflict
from classifier.forms import PurgeForm
from classifier.services.removal import purge_study
from classifier.views.presenting import StudyShown, present_study
from mriplatform.accounts.roles import Permission
from mriplatform.pages import check_query, person, says_refusals, signed_in

# Milliseconds until a waiting page asks again: often while an answer is due, then ever more rarely.
_PAUSES = (1, 50, 100, 150, 250, 250, 250, 250, 250, 400, 600, 900, 1300, 2000)


@require_safe
@signed_in
@never_cache
def study(request: HttpRequest, study_id: UUID) -> HttpResponse:
    check_query(request, "image")
    shown = present_study(request.user, get_study(request.user, study_id), _selected(request))
    return render(request, "classifier/study.html", _context(shown, asked=0) | {"purge_form": PurgeForm()})


@require_safe
@signed_in
@never_cache
def study_status(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """The parts of a study's page that change by themselves, each with its place; asks for itself until settled."""
    check_query(request, "image", "asked", "answered")
    shown = present_study(request.user, get_study(request.user, study_id), _selected(request))
    # Once it has been sent it is not sent again: whoever looks at a map must not have it taken away under them.
    news = shown.selected_settled and "answered" not in request.GET
    return render(
        request, "classifier/study_live.html", _context(shown, asked=_asked(request)) | {"news": news}
    )


@require_safe
@signed_in
@never_cache
def study_word(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """A study's status in a word, for lists; asks for itself until settled."""
    check_query(request, "asked")
    shown = present_study(request.user, get_study(request.user, study_id))
    return render(request, "classifier/study_word.html", _context(shown, asked=_asked(request)))


@require_POST
@signed_in
@says_refusals
def study_purge(request: HttpRequest, study_id: UUID) -> HttpResponse:
    found = get_study(request.user, study_id, Permission.PURGE_STUDIES)
    form = PurgeForm(request.POST)
    if not form.is_valid():
        raise StateConflict("Say why, in at most 500 characters: the audit keeps the reason.", status=400)
    purge_study(actor=person(request), study=found, reason=form.cleaned_data["reason"])
    messages.success(
        request, "The study's pixels, maps and embeddings are removed. Hashes and the audit stay."
    )
    return redirect("study", found.pk)


def _context(shown: StudyShown, *, asked: int) -> dict[str, object]:
    pause = _PAUSES[min(asked, len(_PAUSES) - 1)]
    return {"shown": shown, "study": shown.study, "pause": pause, "asked": asked + 1}


def _selected(request: HttpRequest) -> UUID | None:
    asked = request.GET.get("image")
    try:
        return UUID(asked) if asked else None
    except ValueError as error:
        raise BadRequest("The query parameter 'image' must be an image's identifier.") from error


def _asked(request: HttpRequest) -> int:
    asked = request.GET.get("asked", "0")
    return int(asked) if asked.isdecimal() and len(asked) < 6 else 0
