from django.urls import path

from classifier.api.dicomweb.views import Stow

# What follows the study in an address is taken along, so that no log has it: it may hold a UID of the sender's.
urlpatterns = [
    path("studies", Stow.as_view(), name="dicomweb-studies"),
    path("studies/<path:study_uid>", Stow.as_view(), name="dicomweb-study"),
    path("collections/<uuid:collection_id>/studies", Stow.as_view(), name="dicomweb-collection-studies"),
    path(
        "collections/<uuid:collection_id>/studies/<path:study_uid>",
        Stow.as_view(),
        name="dicomweb-collection-study",
    ),
]
