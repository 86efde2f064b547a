from django.urls import path

from mriplatform.webhooks import views

urlpatterns = [
    path("webhooks", views.webhooks, name="webhooks"),
    path("webhooks/<uuid:endpoint_id>", views.webhook, name="webhook"),
    path("webhooks/<uuid:endpoint_id>/pause", views.webhook_pause, name="webhook-pause"),
    path("webhooks/<uuid:endpoint_id>/resume", views.webhook_resume, name="webhook-resume"),
    path("webhooks/<uuid:endpoint_id>/secret", views.webhook_rotate, name="webhook-rotate"),
    path("webhooks/<uuid:endpoint_id>/test", views.webhook_test, name="webhook-test"),
    path("webhooks/<uuid:endpoint_id>/delete", views.webhook_delete, name="webhook-delete"),
    path(
        "webhooks/<uuid:endpoint_id>/deliveries/<uuid:delivery_id>/again",
        views.webhook_redeliver,
        name="webhook-redeliver",
    ),
]
