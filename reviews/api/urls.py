from django.urls import path

from reviews.api import (
    adjudication,
    figures,
    image_trace,
    imports,
    label_errors,
    label_sets,
    labels,
    plans,
    protocols,
    readings,
    rescoring,
    results,
    retraining,
    shadows,
    training_runs,
    worklist,
)

urlpatterns = [
    path("readings", readings.Readings.as_view(), name="api-readings"),
    path("readings/<uuid:reading_id>", readings.OneReading.as_view(), name="api-reading"),
    path("readings/<uuid:reading_id>/events", readings.ReadingEvents.as_view(), name="api-reading-events"),
    path("readings/<uuid:reading_id>/first-read", readings.FirstRead.as_view(), name="api-first-read"),
    path("readings/<uuid:reading_id>/range", readings.RangeFirstRead.as_view(), name="api-range-first-read"),
    path("readings/<uuid:reading_id>/reveal", readings.Reveal.as_view(), name="api-reveal"),
    path("readings/<uuid:reading_id>/verdict", readings.ReviewVerdict.as_view(), name="api-verdict"),
    path("readings/<uuid:reading_id>/amend", readings.Amendment.as_view(), name="api-amend"),
    path("readings/<uuid:reading_id>/withdraw", readings.Withdrawal.as_view(), name="api-withdraw"),
    path("readings/<uuid:reading_id>/undo", readings.Undo.as_view(), name="api-undo"),
    path("readings/<uuid:reading_id>/draft", readings.Draft.as_view(), name="api-draft"),
    path("collections/<uuid:collection_id>/labels", labels.Labels.as_view(), name="api-labels"),
    path(
        "collections/<uuid:collection_id>/disagreements",
        adjudication.Disagreements.as_view(),
        name="api-disagreements",
    ),
    path(
        "collections/<uuid:collection_id>/disagreements/<uuid:image_id>",
        adjudication.Disagreement.as_view(),
        name="api-disagreement",
    ),
    path(
        "collections/<uuid:collection_id>/adjudications",
        adjudication.CollectionAdjudications.as_view(),
        name="api-collection-adjudications",
    ),
    path("adjudications", adjudication.Adjudications.as_view(), name="api-adjudications"),
    path("label-sets", labels.LabelSets.as_view(), name="api-label-sets"),
    path(
        "collections/<uuid:collection_id>/eligibility",
        label_sets.Eligibility.as_view(),
        name="api-eligibility",
    ),
    path(
        "collections/<uuid:collection_id>/eligibility/dry-run",
        label_sets.DryRun.as_view(),
        name="api-dry-run",
    ),
    path(
        "collections/<uuid:collection_id>/label-sets",
        label_sets.CollectionLabelSets.as_view(),
        name="api-collection-label-sets",
    ),
    path("label-sets/<uuid:label_set_id>", label_sets.OneLabelSet.as_view(), name="api-label-set"),
    path(
        "label-sets/<uuid:label_set_id>/entries",
        label_sets.LabelSetEntries.as_view(),
        name="api-label-set-entries",
    ),
    path(
        "label-sets/<uuid:label_set_id>/differences",
        label_sets.LabelSetDifferences.as_view(),
        name="api-label-set-differences",
    ),
    path(
        "label-sets/<uuid:label_set_id>/likely-errors",
        label_errors.LikelyErrors.as_view(),
        name="api-likely-errors",
    ),
    path(
        "label-sets/<uuid:label_set_id>/send-back",
        label_errors.SentBackLabels.as_view(),
        name="api-label-set-send-back",
    ),
    path(
        "label-sets/<uuid:label_set_id>/export",
        label_errors.LabelSetExport.as_view(),
        name="api-label-set-export",
    ),
    path("collections/<uuid:collection_id>/imports", imports.Imports.as_view(), name="api-imports"),
    path(
        "collections/<uuid:collection_id>/label-set-imports",
        imports.LabelSetImports.as_view(),
        name="api-label-set-imports",
    ),
    path("label-sets/<uuid:label_set_id>/manifest", labels.Manifest.as_view(), name="api-manifest"),
    path("collections/<uuid:collection_id>/worklist", worklist.Worklist.as_view(), name="api-worklist"),
    path(
        "collections/<uuid:collection_id>/protocol",
        protocols.CollectionProtocol.as_view(),
        name="api-protocol",
    ),
    path(
        "collections/<uuid:collection_id>/known-cases", protocols.KnownCases.as_view(), name="api-known-cases"
    ),
    path(
        "collections/<uuid:collection_id>/known-cases/<uuid:image_id>/take-back",
        protocols.KnownCaseTakenBack.as_view(),
        name="api-known-case-take-back",
    ),
    path("collections/<uuid:collection_id>/figures", figures.Figures.as_view(), name="api-figures"),
    path(
        "collections/<uuid:collection_id>/figures/mine", figures.OwnFigures.as_view(), name="api-own-figures"
    ),
    path("collections/<uuid:collection_id>/shadows", shadows.Shadows.as_view(), name="api-shadows"),
    path("shadows/<uuid:shadow_id>/end", shadows.EndShadow.as_view(), name="api-shadow-end"),
    path("collections/<uuid:collection_id>/rescores", rescoring.Rescores.as_view(), name="api-rescores"),
    path("rescores/<uuid:rescore_id>", rescoring.OneRescore.as_view(), name="api-rescore"),
    *(
        path(f"rescores/<uuid:rescore_id>/{change}", view.as_view(), name=f"api-rescore-{change}")
        for change, view in rescoring.CHANGES.items()
    ),
    path(
        "label-sets/<uuid:label_set_id>/retrain",
        retraining.LabelSetRetrain.as_view(),
        name="api-label-set-retrain",
    ),
    path(
        "collections/<uuid:collection_id>/retraining-plan",
        plans.CollectionRetrainingPlan.as_view(),
        name="api-retraining-plan",
    ),
    path("images/<uuid:image_id>/trace", image_trace.ImageTrace.as_view(), name="api-image-trace"),
    path("images/<uuid:image_id>/image.dcm", results.ImageDicom.as_view(), name="api-image-dicom"),
    path("images/<uuid:image_id>/report.dcm", results.ImageReport.as_view(), name="api-image-report"),
    path("images/<uuid:image_id>/saliency.dcm", results.ImageSaliency.as_view(), name="api-image-saliency"),
    path("studies/<uuid:study_id>/report.dcm", results.StudyReport.as_view(), name="api-study-report"),
    path("studies/<uuid:study_id>/results.zip", results.StudyResults.as_view(), name="api-study-results"),
    path("training-runs", training_runs.TrainingRuns.as_view(), name="api-training-runs"),
    path("training-runs/<uuid:run_id>", training_runs.OneTrainingRun.as_view(), name="api-training-run"),
    path(
        "training-runs/<uuid:run_id>/cancel",
        training_runs.CancelTrainingRun.as_view(),
        name="api-training-run-cancel",
    ),
    path("training-runs/<uuid:run_id>/trace", training_runs.Trace.as_view(), name="api-training-run-trace"),
]
