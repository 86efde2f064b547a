from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "mriplatform.outbox"
    label = "outbox"
