from django.urls import path

from classifier.api import (
    archives,
    collections,
    gate,
    images,
    model_versions,
    predictions,
    proposals,
    quarantine,
    receipts,
    studies,
)

urlpatterns = [
    path("collections", collections.Collections.as_view(), name="api-collections"),
    path(
        "collections/<uuid:collection_id>/version",
        collections.CollectionVersion.as_view(),
        name="api-collection-version",
    ),
    path("studies", studies.Studies.as_view(), name="api-studies"),
    path("studies/<uuid:study_id>", studies.OneStudy.as_view(), name="api-study"),
    path("studies/<uuid:study_id>/receipt", receipts.StudyReceipt.as_view(), name="api-study-receipt"),
    path("studies/<uuid:study_id>/purge", studies.PurgeStudy.as_view(), name="api-study-purge"),
    path("archives", archives.Archives.as_view(), name="api-archives"),
    path("archives/<uuid:archive_id>", archives.OneArchive.as_view(), name="api-archive"),
    path("archives/<uuid:archive_id>/parts", archives.ArchiveParts.as_view(), name="api-archive-parts"),
    path(
        "archives/<uuid:archive_id>/parts/<int:number>",
        archives.ArchivePart.as_view(),
        name="api-archive-part",
    ),
    path(
        "archives/<uuid:archive_id>/complete",
        archives.CompleteArchive.as_view(),
        name="api-archive-complete",
    ),
    path("archives/<uuid:archive_id>/store", archives.StoreArchive.as_view(), name="api-archive-store"),
    path("archives/<uuid:archive_id>/cancel", archives.CancelArchive.as_view(), name="api-archive-cancel"),
    path("archives/<uuid:archive_id>/entries", archives.ArchiveEntries.as_view(), name="api-archive-entries"),
    path("images/<uuid:image_id>", images.OneImage.as_view(), name="api-image"),
    path("images/<uuid:image_id>/pixels", images.ImagePixels.as_view(), name="api-image-pixels"),
    path("images/<uuid:image_id>/hide", images.HideImage.as_view(), name="api-image-hide"),
    path("quarantine", quarantine.Quarantine.as_view(), name="api-quarantine"),
    path(
        "collections/<uuid:collection_id>/quarantine",
        quarantine.CollectionQuarantine.as_view(),
        name="api-collection-quarantine",
    ),
    path("quarantine/<uuid:quarantined_id>", quarantine.OneQuarantined.as_view(), name="api-quarantined"),
    path(
        "quarantine/<uuid:quarantined_id>/pixels",
        quarantine.QuarantinedPixels.as_view(),
        name="api-quarantined-pixels",
    ),
    path(
        "quarantine/<uuid:quarantined_id>/release",
        quarantine.ReleaseQuarantined.as_view(),
        name="api-quarantined-release",
    ),
    path(
        "quarantine/<uuid:quarantined_id>/mask",
        quarantine.MaskQuarantined.as_view(),
        name="api-quarantined-mask",
    ),
    path(
        "quarantine/<uuid:quarantined_id>/reject",
        quarantine.RejectQuarantined.as_view(),
        name="api-quarantined-reject",
    ),
    path("predictions", predictions.Predictions.as_view(), name="api-predictions"),
    path("predictions/<uuid:prediction_id>", predictions.OnePrediction.as_view(), name="api-prediction"),
    path(
        "predictions/<uuid:prediction_id>/retry",
        predictions.RetryPrediction.as_view(),
        name="api-prediction-retry",
    ),
    path("model-versions", model_versions.ModelVersions.as_view(), name="api-model-versions"),
    path("model-versions/in-force", model_versions.InForce.as_view(), name="api-model-version-in-force"),
    path("model-versions/roll-back", proposals.RollBack.as_view(), name="api-roll-back"),
    path(
        "model-versions/<uuid:version_id>/proposals",
        proposals.VersionProposals.as_view(),
        name="api-version-proposals",
    ),
    path(
        "model-versions/<uuid:version_id>/judgements",
        gate.VersionJudgements.as_view(),
        name="api-version-judgements",
    ),
    path(
        "training-runs/<uuid:run_id>/learning-curve",
        gate.RunLearningCurve.as_view(),
        name="api-training-run-learning-curve",
    ),
    path("gate/rules", gate.GateRules.as_view(), name="api-gate-rules"),
    path("gate/rules/<uuid:rule_id>", gate.OneGateRule.as_view(), name="api-gate-rule"),
    path("gate/decisions", gate.GateDecisions.as_view(), name="api-gate-decisions"),
    path("gate/decisions/<uuid:decision_id>", gate.OneGateDecision.as_view(), name="api-gate-decision"),
    path("proposals", proposals.Proposals.as_view(), name="api-proposals"),
    path("proposals/<uuid:proposal_id>", proposals.OneProposal.as_view(), name="api-proposal"),
    path(
        "proposals/<uuid:proposal_id>/approve",
        proposals.ApproveProposal.as_view(),
        name="api-proposal-approve",
    ),
    path(
        "proposals/<uuid:proposal_id>/decline",
        proposals.DeclineProposal.as_view(),
        name="api-proposal-decline",
    ),
    path("promotions", proposals.Promotions.as_view(), name="api-promotions"),
    path(
        "model-versions/<uuid:version_id>", model_versions.OneModelVersion.as_view(), name="api-model-version"
    ),
]
