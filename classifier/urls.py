from django.urls import path

from classifier.views import (
    archives,
    choosing,
    collections,
    comparing,
    gate,
    images,
    in_force,
    predictions,
    promoting,
    quarantine,
    receipts,
    studies,
    uploads,
    versions,
)

urlpatterns = [
    path("collections/<uuid:collection_id>", collections.collection, name="collection"),
    path("collections/<uuid:collection_id>/upload", uploads.upload, name="upload"),
    path(
        "collections/<uuid:collection_id>/not-assessable", collections.not_assessable, name="not-assessable"
    ),
    *(
        path(
            f"collections/<uuid:collection_id>/predictions.{form}",
            collections.predictions_download,
            {"form": form},
            name="predictions-download",
        )
        for form in ("csv", "jsonl")
    ),
    path("collections/<uuid:collection_id>/version", choosing.collection_version, name="collection-version"),
    path("collections/<uuid:collection_id>/quarantine", quarantine.quarantine, name="quarantine"),
    path("quarantine/<uuid:quarantined_id>", quarantine.quarantined, name="quarantined"),
    path(
        "quarantine/<uuid:quarantined_id>/pixels.png",
        quarantine.quarantined_pixels,
        name="quarantined-pixels",
    ),
    path("quarantine/<uuid:quarantined_id>/mask", quarantine.quarantined_mask, name="quarantined-mask"),
    path(
        "quarantine/<uuid:quarantined_id>/release", quarantine.quarantined_release, name="quarantined-release"
    ),
    path("quarantine/<uuid:quarantined_id>/reject", quarantine.quarantined_reject, name="quarantined-reject"),
    path("collections/<uuid:collection_id>/archives", archives.archives, name="archives"),
    path("archives/<uuid:archive_id>", archives.archive, name="archive"),
    path("archives/<uuid:archive_id>/live", archives.archive_live, name="archive-live"),
    path("archives/<uuid:archive_id>/store", archives.archive_store, name="archive-store"),
    path("archives/<uuid:archive_id>/cancel", archives.archive_cancel, name="archive-cancel"),
    path("studies/<uuid:study_id>", studies.study, name="study"),
    path("studies/<uuid:study_id>/status", studies.study_status, name="study-status"),
    path("studies/<uuid:study_id>/word", studies.study_word, name="study-word"),
    path("studies/<uuid:study_id>/compare", comparing.compare, name="study-compare"),
    path("studies/<uuid:study_id>/compare/status", comparing.compare_status, name="study-compare-status"),
    path("studies/<uuid:study_id>/ask", comparing.ask, name="study-ask"),
    path("studies/<uuid:study_id>/receipt", receipts.study_receipt, name="study-receipt"),
    path("studies/<uuid:study_id>/purge", studies.study_purge, name="study-purge"),
    path("images/<uuid:image_id>/pixels.png", images.image_pixels, name="image-pixels"),
    path("images/<uuid:image_id>/hide", images.image_hide, name="image-hide"),
    path("predictions/<uuid:prediction_id>/retry", predictions.prediction_retry, name="prediction-retry"),
    path("versions", versions.versions, name="versions"),
    path("versions/in-force", in_force.in_force, name="in-force"),
    path("versions/roll-back", promoting.roll_back_page, name="roll-back"),
    path("versions/<uuid:version_id>", versions.version, name="version"),
    path("versions/<uuid:version_id>/propose", promoting.version_propose, name="version-propose"),
    path("versions/<uuid:version_id>/judge", gate.judge_again, name="version-judge"),
    path("gate/rules", gate.rules, name="gate-rules"),
    path("gate/rules/<uuid:rule_id>", gate.rule, name="gate-rule"),
    path("gate/decisions/<uuid:decision_id>", gate.decision, name="gate-decision"),
    path("proposals/<uuid:proposal_id>", promoting.proposal, name="proposal"),
    path("proposals/<uuid:proposal_id>/approve", promoting.proposal_approve, name="proposal-approve"),
    path("proposals/<uuid:proposal_id>/decline", promoting.proposal_decline, name="proposal-decline"),
]
