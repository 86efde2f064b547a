from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "mriplatform.webhooks"
    label = "webhooks"

    def ready(self) -> None:
        from mriplatform.outbox.audience import register_audience
        from mriplatform.webhooks.audience import audience

        register_audience(audience)
