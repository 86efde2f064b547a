from typing import Any
from uuid import UUID

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "reviews"

    def ready(self) -> None:
        from classifier.selectors.final_labels import final_labels_asked
        from classifier.selectors.label_sets import label_sets_asked
        from classifier.services.entry_labels import entry_stored
        from classifier.services.removal import image_hidden
        from reviews.selectors.label_set_names import label_sets_with
        from reviews.selectors.telling import final_labels_for

        image_hidden.connect(_refresh_finality, dispatch_uid="reviews.refresh_finality")
        final_labels_asked.connect(final_labels_for, dispatch_uid="reviews.final_labels")
        entry_stored.connect(_keep_folder_label, dispatch_uid="reviews.folder_labels")
        label_sets_asked.connect(label_sets_with, dispatch_uid="reviews.label_sets")


def _refresh_finality(*, study_id: UUID, **_: Any) -> None:
    from reviews.services.finality import refresh_finality

    refresh_finality(study_id)


def _keep_folder_label(**told: Any) -> None:
    from reviews.services.folder_labels import keep_folder_label

    keep_folder_label(**told)
