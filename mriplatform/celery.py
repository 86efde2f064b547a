"""The Celery app. Postgres is the queue of record; messages only say "look again", so none of them matters."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mriplatform.settings")

app = Celery("mriplatform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
