"""Model versions: which there are, which is in force, what they measured, and who put them there."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from classifier.models import Evaluation
from classifier.selectors import answer_counts, model_versions, promotions, version_in_force
from ml.labels import CLASSES, DISPLAY_NAMES
from mriplatform.accounts.access import NOT_FOUND, require_anywhere
from mriplatform.accounts.roles import Permission
from mriplatform.pages import check_query, signed_in


@require_safe
@signed_in
def versions(request: HttpRequest) -> HttpResponse:
    check_query(request)
    require_anywhere(request.user, Permission.VIEW_MODELS)
    context = {"versions": model_versions(), "promotions": promotions(), "in_force": version_in_force()}
    return render(request, "classifier/versions.html", context)


@require_safe
@signed_in
def version(request: HttpRequest, version_id: UUID) -> HttpResponse:
    check_query(request)
    require_anywhere(request.user, Permission.VIEW_MODELS)
    found = model_versions().filter(pk=version_id).first()
    if found is None:
        raise Http404(NOT_FOUND)
    current = version_in_force()
    context = {
        "version": found,
        "in_force": current is not None and current.pk == found.pk,
        "answered": answer_counts(request.user, found),
        "names": [DISPLAY_NAMES[name] for name in CLASSES],
        "evaluations": [_measured(evaluation) for evaluation in found.evaluations.all()],
    }
    return render(request, "classifier/version.html", context)


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
