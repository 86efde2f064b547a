"""Every address, in one place."""

from django.contrib import admin
from django.urls import include, path

from mriplatform.health import healthz
from mriplatform.home import home

urlpatterns = [
    path("", home, name="home"),
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    path("", include("mriplatform.accounts.urls")),
    path("", include("classifier.urls")),
    path("", include("reviews.urls")),
    path("", include("mriplatform.webhooks.urls")),
    path("api/v1/", include("mriplatform.api.urls")),
    path("api/v1/", include("mriplatform.webhooks.api.urls")),
    path("api/v1/", include("classifier.api.urls")),
    path("api/v1/", include("reviews.api.urls")),
    path("dicom-web/", include("classifier.api.dicomweb.urls")),
]

# What Django refuses before or instead of a view answers in the same two forms as everything else.
handler400 = "mriplatform.pages.bad_request"
handler403 = "mriplatform.pages.permission_denied"
handler404 = "mriplatform.pages.page_not_found"
handler500 = "mriplatform.pages.server_error"
