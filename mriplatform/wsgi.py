"""What gunicorn serves, and how a worker of it is made ready."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mriplatform.settings")

application = get_wsgi_application()


def make_ready() -> None:
    """Start what decodes uploads, load every view, and take what is loaded by now out of the garbage collector's sight.

    It stays anyhow, and a full collection would look through all of it in the middle of some request: 90 ms of the
    processor in every eighth request for the page of labels (`tests.benchmarks.reading_room`).
    """
    from classifier.services.uploads import decoder

    decoder().warm()
    get_resolver().url_patterns  # noqa: B018 - to look at them is to load them
    gc.collect()
    gc.freeze()
