from django.urls import path

from classifier.api import collections, images, model_versions, predictions, studies

urlpatterns = [
    path("collections", collections.Collections.as_view(), name="api-collections"),
    path(
        "collections/<uuid:collection_id>/version",
        collections.CollectionVersion.as_view(),
        name="api-collection-version",
    ),
    path("studies", studies.Studies.as_view(), name="api-studies"),
    path("studies/<uuid:study_id>", studies.OneStudy.as_view(), name="api-study"),
    path("studies/<uuid:study_id>/purge", studies.PurgeStudy.as_view(), name="api-study-purge"),
    path("images/<uuid:image_id>", images.OneImage.as_view(), name="api-image"),
    path("images/<uuid:image_id>/pixels", images.ImagePixels.as_view(), name="api-image-pixels"),
    path("images/<uuid:image_id>/hide", images.HideImage.as_view(), name="api-image-hide"),
    path("predictions", predictions.Predictions.as_view(), name="api-predictions"),
    path("predictions/<uuid:prediction_id>", predictions.OnePrediction.as_view(), name="api-prediction"),
    path(
        "predictions/<uuid:prediction_id>/retry",
        predictions.RetryPrediction.as_view(),
        name="api-prediction-retry",
    ),
    path("model-versions", model_versions.ModelVersions.as_view(), name="api-model-versions"),
    path("model-versions/in-force", model_versions.InForce.as_view(), name="api-model-version-in-force"),
    path(
        "model-versions/<uuid:version_id>", model_versions.OneModelVersion.as_view(), name="api-model-version"
    ),
]
