"""One study: its images, how far they are, and, for those who may see it, what the machine says."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from classifier.access import get_study
from classifier.exceptions import StateConflict
from classifier.forms import PurgeForm
from classifier.services.removal import purge_study
from classifier.views.asking import brings_news, identifier_in, pause_after, times_asked
from classifier.views.presenting import StudyShown, present_study
from mriplatform.accounts.roles import Permission
from mriplatform.pages import check_query, person, says_refusals, signed_in


@require_safe
@signed_in
@never_cache
def study(request: HttpRequest, study_id: UUID) -> HttpResponse:
    check_query(request, "image")
    shown = present_study(request.user, get_study(request.user, study_id), identifier_in(request, "image"))
    return render(request, "classifier/study.html", _context(shown, asked=0) | {"purge_form": PurgeForm()})


@require_safe
@signed_in
@never_cache
def study_status(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """The parts of a study's page that change by themselves, each with its place; asks for itself until settled."""
    check_query(request, "image", "asked", "answered")
    shown = present_study(request.user, get_study(request.user, study_id), identifier_in(request, "image"))
    news = brings_news(request, shown.selected_settled)
    return render(
        request, "classifier/study_live.html", _context(shown, asked=times_asked(request)) | {"news": news}
    )


@require_safe
@signed_in
@never_cache
def study_word(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """A study's status in a word, for lists; asks for itself until settled."""
    check_query(request, "asked")
    shown = present_study(request.user, get_study(request.user, study_id))
    return render(request, "classifier/study_word.html", _context(shown, asked=times_asked(request)))


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
    return {"shown": shown, "study": shown.study, "pause": pause_after(asked), "asked": asked + 1}
