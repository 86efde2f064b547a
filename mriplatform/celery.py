"""The Celery app. Postgres is the queue of record; messages only say "look again", so none of them matters."""

import os
from typing import Any, Final

from celery import Celery
from celery.signals import celeryd_after_setup

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mriplatform.settings")

app = Celery("mriplatform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

TRAINING_NICENESS: Final = 10


@celeryd_after_setup.connect
def yield_to_readers(instance: Any, **told: Any) -> None:
    """A worker that does nothing but train takes what processor time pages and answers leave."""
    if set(instance.app.amqp.queues.consume_from) == {"training"}:
        os.nice(TRAINING_NICENESS)
