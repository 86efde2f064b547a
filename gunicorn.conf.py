"""What gunicorn does beside serving: it warms the decoding children, so that nobody's first upload waits for them."""

from typing import Any


def post_worker_init(worker: Any) -> None:
    from classifier.services.uploads import decoder

    decoder().warm()
