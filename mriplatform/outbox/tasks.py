"""The names that messages carry; what is due stands in Postgres."""

from celery import shared_task

from mriplatform.outbox.delivering import drain
from mriplatform.outbox.sweeping import forget_old_deliveries as forget


@shared_task(name="outbox.deliver")
def deliver() -> None:
    drain()


@shared_task(name="outbox.forget_old_deliveries")
def forget_old_deliveries() -> None:
    forget()
