"""Training runs: which there are, one as it goes, what it made of each label, and its cancelling."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.exceptions import PlatformError
from classifier.models import TraceLine, TrainingRun
from classifier.selectors.gate import curve_requests
from classifier.selectors.training_runs import (
    ACTIVE,
    collection_told,
    may_change_run,
    seconds_left,
    sees_run_figures,
    sees_run_labels,
    share_done,
    trace_of,
    trace_reasons,
    training_runs,
)
from classifier.services.gate_requests import ask_curve, has_curve
from classifier.services.training import cancel_run
from ml.labels import DISPLAY_NAMES
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, has_anywhere
from mriplatform.audit.recording import record
from mriplatform.pages import check_query, person, says_refusals, signed_in
from mriplatform.tables import serve_table
from reviews.access import (
    get_training_run,
    get_training_run_to_change,
    get_training_run_with_trace,
)
from reviews.selectors import label_sets_of
from reviews.selectors.trace_files import trace_as_csv, trace_as_json
from reviews.views.curves import curves, steps_shown
from reviews.views.wording import NAMES

SHOWN: Final = 50
TRACED: Final = 100
LOGGED: Final = 12
RECIPES: Final = {"head": "Head", "fine_tune": "Fine-tune"}
# What a worker says that it is at, in words.
STAGES: Final = {
    "embeddings": "Gathers embeddings",
    "pixels": "Reads pixels",
    "head": "Fits the head",
    "network": "Trains the network",
    "archive": "Writes the candidate and checks it",
    "gate": "Measures it beside the incumbent",
    "register": "Registers the candidate",
}
# Milliseconds until a page asks again; a head learns in about a second.
_PAUSE: Final = 1000
_HEAD_PAUSE: Final = 300


@require_safe
@signed_in
@never_cache
def runs(request: HttpRequest) -> HttpResponse:
    check_query(request, "before")
    require_anywhere(request.user, Permission.VIEW_MODELS)
    before = _number(request, "before")
    found = training_runs().filter(number__lt=before) if before else training_runs()
    rows = list(found[: SHOWN + 1])
    context = {
        "rows": [_row(request.user, run) for run in rows[:SHOWN]],
        "newest_url": request.path if before else "",
        "older_url": f"?before={rows[SHOWN - 1].number}" if len(rows) > SHOWN else "",
        "may_train": has_anywhere(request.user, Permission.TRAIN),
    }
    return render(request, "reviews/training_runs/list.html", context)


@require_safe
@signed_in
@never_cache
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    check_query(request)
    found = get_training_run(request.user, run_id)
    return render(request, "reviews/training_runs/run.html", present_run(request.user, found))


@require_safe
@signed_in
@never_cache
def run_live(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The part of a run's page that changes; once the run has ended, everything else that changed with it, too."""
    check_query(request, "part")
    found = get_training_run(request.user, run_id)
    context = present_run(request.user, found) | {"oob": True}
    part = "outlook" if request.GET.get("part") == "outlook" else "live_news"
    return render(request, f"reviews/training_runs/{part}.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@says_refusals
@never_cache
def run_cancel(request: HttpRequest, run_id: UUID) -> HttpResponse:
    check_query(request)
    found = get_training_run_to_change(request.user, run_id)
    if request.method != "POST":
        return render(
            request, "reviews/training_runs/cancel.html", {"run": found, "active": is_active(found)}
        )
    cancel_run(actor=person(request), run=found)
    messages.success(request, f"{found} is being cancelled. Nothing of it is kept but its record.")
    return redirect("training-run", found.pk)


@require_POST
@signed_in
def run_curve(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Have a finished run's learning curve drawn; it comes into the run's page by itself."""
    check_query(request)
    found = get_training_run_to_change(request.user, run_id)
    try:
        ask_curve(actor=person(request), run=found)
        messages.success(request, f"The learning curve of {found} is in line to be drawn.")
    except PlatformError as refusal:
        messages.error(request, refusal.sentence)
    return redirect("training-run", found.pk)


@require_safe
@signed_in
@never_cache
def run_trace(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """What became of each line of the manifest, a hundred at a time."""
    check_query(request, "used_as", "label", "reason", "after")
    found = get_training_run_with_trace(request.user, run_id)
    chosen = _chosen(request)
    lines = trace_of(found, **chosen)
    after = _number(request, "after")
    rows = list(
        (lines.filter(number__gt=after) if after else lines).select_related("image__study")[: TRACED + 1]
    )
    query = request.GET.copy()
    if len(rows) > TRACED:
        query["after"] = str(rows[TRACED - 1].number)
    context = {
        "run": found,
        "rows": [{"line": line, "label": NAMES.get(line.label, "–")} for line in rows[:TRACED]],
        "matching": lines.count(),
        "chosen": chosen,
        "uses": TraceLine.Used.choices,
        "labels": list(DISPLAY_NAMES.items()),
        "reasons": trace_reasons(found),
        "first_url": f"{request.path}?{_without_after(request)}" if after else "",
        "next_url": f"?{query.urlencode()}" if len(rows) > TRACED else "",
        "query": _without_after(request),
    }
    return render(request, "reviews/training_runs/trace.html", context)


@require_safe
@signed_in
@never_cache
def run_trace_download(request: HttpRequest, run_id: UUID, form: str) -> StreamingHttpResponse:
    check_query(request, "used_as", "label", "reason")
    found = get_training_run_with_trace(request.user, run_id)
    lines = trace_of(found, **_chosen(request))
    record(
        action="training.trace_downloaded", actor=person(request), target=found,
        collection_id=found.collection_id, number=found.number, form=form,
    )  # fmt: skip
    pieces = trace_as_csv(lines) if form == "csv" else trace_as_json(found, lines)
    return serve_table(pieces, form=form, name=f"run-{found.number}-trace")


def present_run(user: Visitor, found: TrainingRun) -> dict[str, Any]:
    """A run as one person may see it: what it made of labels never for who reads them."""
    figures = sees_run_figures(user, found)
    labels = sees_run_labels(user, found)
    active = is_active(found)
    left = seconds_left(found)
    return {
        "run": found,
        "collection": collection_told(user, found),
        "recipe": RECIPES.get(found.recipe.get("kind", ""), "Training"),
        "active": active,
        "pause": _HEAD_PAUSE if found.recipe.get("kind") == "head" else _PAUSE,
        "left": round(left) if left is not None else None,
        "share": round(100 * share) if (share := share_done(found.progress)) is not None and active else None,
        "stage": _stage(found),
        "charts": curves(found.progress) if figures else [],
        "steps": steps_shown(found.progress) if figures else [],
        "log": found.log[-LOGGED:] if figures else [],
        "log_whole": len(found.log) if figures else 0,
        "report": found.report if figures else {},
        **_outlook(user, found, figures),
        "recalls": _recalls(found.report) if figures else [],
        "decision": found.gate_decisions.select_related("rule", "candidate", "incumbent").first()
        if figures
        else None,
        "sees_figures": figures,
        "sees_labels": labels,
        "label_set": _label_set(user, found) if labels else None,
        "traced": labels and found.trace_lines.exists(),
        "may_cancel": active and may_change_run(user, found),
    }


def _outlook(user: Visitor, found: TrainingRun, figures: bool) -> dict[str, Any]:
    """Whether the learning curve is being drawn, why it could not be, and whether it may be asked for."""
    asked = curve_requests(found.pk).first() if figures and has_curve(found) else None
    drawing = asked is not None and asked.finished_at is None
    return {
        "drawing": drawing,
        "not_drawn": asked.failure_reason if asked is not None else "",
        "may_draw": figures and not drawing and has_curve(found) and may_change_run(user, found),
    }


def is_active(found: TrainingRun) -> bool:
    return found.status in ACTIVE


def _row(user: Visitor, found: TrainingRun) -> dict[str, Any]:
    return {
        "run": found,
        "collection": collection_told(user, found),
        "recipe": RECIPES.get(found.recipe.get("kind", ""), "Training"),
        "reason": found.failure_reason if sees_run_figures(user, found) else "",
    }


def _recalls(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each class, how often either side finds it."""
    sides = {side: report.get(side, {}).get("per_class", {}) for side in ("incumbent", "candidate")}
    return [
        {"name": name} | {side: classes.get(key, {}).get("recall") for side, classes in sides.items()}
        for key, name in DISPLAY_NAMES.items()
        if key in sides["candidate"]
    ]


def _stage(found: TrainingRun) -> str:
    """What the run does now, in words."""
    if found.status == "queued":
        return "Waits for the training worker."
    if found.status != "running":
        return ""
    if found.cancel_requested_at is not None:
        return "Stops as asked."
    newest = found.progress[-1] if found.progress else {}
    words = STAGES.get(newest.get("stage", ""), "Begins")
    if not newest.get("step"):
        return f"{words}."
    return f"{words}: {newest['step']:g} of {newest.get('steps', newest['step']):g}."


def _label_set(user: Visitor, found: TrainingRun) -> Any:
    sets = label_sets_of(user).filter(manifest_sha256=found.manifest_sha256)
    return sets.filter(collection=found.collection_id).first() if found.collection_id else sets.first()


def _chosen(request: HttpRequest) -> dict[str, str]:
    """What of the trace is asked for.

    Raises:
        BadRequest: a use or a label that there is not.
    """
    chosen = {name: request.GET.get(name, "").replace("\0", "") for name in ("used_as", "label", "reason")}
    if chosen["used_as"] and chosen["used_as"] not in TraceLine.Used.values:
        raise BadRequest("The trace knows train, validation, test and excluded.")
    if chosen["label"] and chosen["label"] not in DISPLAY_NAMES:
        raise BadRequest("The trace knows the four classes as labels.")
    return chosen


def _without_after(request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop("after", None)
    return query.urlencode()


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise BadRequest(f"The query parameter {name!r} must be a number.")
    return int(text)
