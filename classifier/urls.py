from django.urls import path

from classifier.views import (
    choosing,
    collections,
    comparing,
    images,
    predictions,
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
    path("collections/<uuid:collection_id>/version", choosing.collection_version, name="collection-version"),
    path("studies/<uuid:study_id>", studies.study, name="study"),
    path("studies/<uuid:study_id>/status", studies.study_status, name="study-status"),
    path("studies/<uuid:study_id>/word", studies.study_word, name="study-word"),
    path("studies/<uuid:study_id>/compare", comparing.compare, name="study-compare"),
    path("studies/<uuid:study_id>/compare/status", comparing.compare_status, name="study-compare-status"),
    path("studies/<uuid:study_id>/ask", comparing.ask, name="study-ask"),
    path("studies/<uuid:study_id>/purge", studies.study_purge, name="study-purge"),
    path("images/<uuid:image_id>/pixels.png", images.image_pixels, name="image-pixels"),
    path("images/<uuid:image_id>/hide", images.image_hide, name="image-hide"),
    path("predictions/<uuid:prediction_id>/retry", predictions.prediction_retry, name="prediction-retry"),
    path("versions", versions.versions, name="versions"),
    path("versions/<uuid:version_id>", versions.version, name="version"),
]
