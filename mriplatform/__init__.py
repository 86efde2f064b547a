"""The project: settings, the Celery app, addresses, accounts and audit."""

from mriplatform.celery import app as celery_app

__all__ = ["celery_app"]
