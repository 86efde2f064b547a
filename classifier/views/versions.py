"""Model versions: which there are, how they compare, which is in force, and all that is known of one."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from classifier.access import get_version, may_ask_the_gate, may_roll_back
from classifier.models import Evaluation, GateRequest, ModelVersion
from classifier.selectors import answer_counts, model_versions, promotions, version_before, version_in_force
from classifier.selectors.comparing_versions import Part, compared_parts, figure_names
from classifier.selectors.gate import gate_decisions, gate_requests
from classifier.selectors.label_sets import label_sets_behind
from classifier.selectors.load_checks import newest_load_check
from classifier.selectors.proposals import open_proposals, overrides_of, proposals
from classifier.selectors.timeline import spans_in_force
from classifier.views.charts import comparison, timeline
from classifier.views.model_card import card_of
from ml.labels import CLASSES, DISPLAY_NAMES
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import has_anywhere
from mriplatform.pages import check_query, signed_in

# Of what was put in force the page lists so much; the page that answers for a moment knows all of it.
MOST_PROMOTIONS = 50


@require_safe
@signed_in
def versions(request: HttpRequest) -> HttpResponse:
    check_query(request)
    require_anywhere(request.user, Permission.VIEW_MODELS)
    current = version_in_force()
    overridden = set(promotions().exclude(override_reason="").values_list("model_version_id", flat=True))
    context = {
        "versions": model_versions().defer("metadata"),
        "promotions": promotions()[:MOST_PROMOTIONS],
        "in_force": current,
        "before": version_before() if may_roll_back(request.user) else None,
        "overridden": overridden,
        "proposals": open_proposals(),
        "parts": [part_shown(part, current) for part in compared_parts()],
        "names": figure_names(),
        "timeline": timeline(spans_in_force(), timezone.now()),
    }
    return render(request, "classifier/versions.html", context)


@require_safe
@signed_in
def version(request: HttpRequest, version_id: UUID) -> HttpResponse:
    check_query(request)
    found = get_version(request.user, version_id)
    current = version_in_force()
    is_in_force = current is not None and current.pk == found.pk
    proposed = proposals().filter(version=found)
    asked = gate_requests(found.pk).first()
    context = {
        "version": found,
        "in_force": is_in_force,
        "overrides": overrides_of(found),
        "label_sets": label_sets_behind(request.user, found),
        "answered": answer_counts(request.user, found),
        "names": [DISPLAY_NAMES[name] for name in CLASSES],
        "evaluations": [_measured(evaluation) for evaluation in found.evaluations.all()],
        "card": card_of(found),
        "decisions": gate_decisions().filter(candidate=found),
        "may_ask": current is not None and not is_in_force and may_ask_the_gate(request.user),
        "waiting": asked is not None
        and asked.status in (GateRequest.Status.QUEUED, GateRequest.Status.RUNNING),
        "failed": asked if asked is not None and asked.status == GateRequest.Status.FAILED else None,
        "promotions": promotions().filter(model_version=found),
        "proposals": proposed,
        "open_proposal": open_proposals().filter(version=found).first(),
        "load_check": newest_load_check(found),
        "may_propose": not is_in_force and has_anywhere(request.user, Permission.TRAIN),
        "before": version_before() if is_in_force and may_roll_back(request.user) else None,
    }
    return render(request, "classifier/version.html", context)


def part_shown(part: Part, in_force: ModelVersion | None) -> dict[str, Any]:
    """A locked part with a chart for each figure, and the same as rows of a table."""
    rows = [
        {"version": row.version, "cells": [row.figures.get(name) for name in figure_names()]}
        for row in part.measured
    ]
    return {"part": part, "charts": comparison(part, in_force), "rows": rows}


def _measured(evaluation: Evaluation) -> dict[str, object]:
    """An evaluation with its classes and its confusion matrix as rows of a table."""
    figures = evaluation.figures
    per_class = figures.get("per_class", {})
    confusion = figures.get("confusion", [])
    return {
        "evaluation": evaluation,
        "figures": figures,
        "classes": [
            {"label": DISPLAY_NAMES[name], **per_class[name]} for name in CLASSES if name in per_class
        ],
        "confusion": [
            {
                "label": DISPLAY_NAMES[name],
                "cells": [{"count": count, "right": i == j} for j, count in enumerate(confusion[i])],
                "total": sum(confusion[i]),
            }
            for i, name in enumerate(CLASSES)
            if i < len(confusion)
        ],
    }
