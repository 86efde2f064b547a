from django.urls import path

from mriplatform.webhooks.api import views

urlpatterns = [
    path("webhooks", views.Webhooks.as_view(), name="api-webhooks"),
    path("webhooks/<uuid:endpoint_id>", views.OneWebhook.as_view(), name="api-webhook"),
    path("webhooks/<uuid:endpoint_id>/pause", views.PauseWebhook.as_view(), name="api-webhook-pause"),
    path("webhooks/<uuid:endpoint_id>/resume", views.ResumeWebhook.as_view(), name="api-webhook-resume"),
    path("webhooks/<uuid:endpoint_id>/secret", views.WebhookSecret.as_view(), name="api-webhook-secret"),
    path("webhooks/<uuid:endpoint_id>/test", views.TestWebhook.as_view(), name="api-webhook-test"),
    path(
        "webhooks/<uuid:endpoint_id>/deliveries",
        views.Deliveries.as_view(),
        name="api-webhook-deliveries",
    ),
    path(
        "webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/redeliver",
        views.Redelivery.as_view(),
        name="api-webhook-redeliver",
    ),
]
