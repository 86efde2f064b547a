"""The names that messages carry. A message says "look again", nothing more: the work is in Postgres."""

from celery import shared_task

from classifier.jobs import archives, gate_requests, inference, reaping, training


@shared_task(name="classifier.drain_predictions")
def drain_predictions() -> None:
    inference.drain()


@shared_task(name="classifier.reap_expired_leases")
def reap_expired_leases() -> None:
    reaping.reap()


@shared_task(name="classifier.drain_training")
def drain_training() -> None:
    training.drain()
    gate_requests.drain()


@shared_task(name="classifier.drain_archives")
def drain_archives() -> None:
    archives.drain()
