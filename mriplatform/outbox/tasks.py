"""The name that a message carries; what is due stands in Postgres."""

from celery import shared_task

from mriplatform.outbox.delivering import drain


@shared_task(name="outbox.deliver")
def deliver() -> None:
    drain()
