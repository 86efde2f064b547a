from typing import Any
from uuid import UUID

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "reviews"

    def ready(self) -> None:
        from classifier.services.removal import image_hidden

        image_hidden.connect(_refresh_finality, dispatch_uid="reviews.refresh_finality")


def _refresh_finality(*, study_id: UUID, **_: Any) -> None:
    from reviews.services.finality import refresh_finality

    refresh_finality(study_id)
