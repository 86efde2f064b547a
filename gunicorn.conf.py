"""What gunicorn does beside serving: a worker is made ready, so that nobody's first request waits for it."""

from typing import Any

logger_class = "mriplatform.access_log.AccessLogger"


def post_worker_init(worker: Any) -> None:
    from mriplatform.wsgi import make_ready

    make_ready()
