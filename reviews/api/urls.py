from django.urls import path

from reviews.api import adjudication, figures, labels, protocols, readings, worklist

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
]
