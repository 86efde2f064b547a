"""How gunicorn serves the portal in a container."""

import os
from typing import Any

bind = os.environ.get("WEB_BIND", "0.0.0.0:8000")
workers = int(os.environ.get("WEB_WORKERS", "2"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 120
graceful_timeout = 20
keepalive = 75
accesslog = "-"
logger_class = "mriplatform.access_log.AccessLogger"
# A disk that is slow for a moment must not look like a worker that hangs.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - memory, in a container of its own
control_socket_disable = True
# Only the proxy reaches this port.
forwarded_allow_ips = "*"


def post_worker_init(worker: Any) -> None:
    from mriplatform.wsgi import make_ready

    make_ready()
