"""The worker at the doors runs threads, so what it imports must never be TensorFlow, which is 700 MB and seconds."""

import re
import subprocess
import sys

from mriplatform.launch.demo import ROOT
from mriplatform.outbox.delivering import THREADS

LOADED = """
import sys
import django; django.setup()
from mriplatform.celery import app
app.loader.import_default_modules()
print(sorted({"tensorflow", "keras", "jax"} & set(sys.modules)))
"""


def test_a_worker_that_knows_every_task_has_loaded_no_model_runtime():
    answer = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["[]"]


def test_wherever_it_is_started_it_has_threads_that_no_webhook_may_hold():
    for path in ("docker/compose.yaml", "mriplatform/launch/demo.py", "docs/operations.md"):
        text = (ROOT / path).read_text().replace('"', "").replace(",", "")
        (count,) = set(re.findall(r"-P threads -c (\d+)", text))
        assert int(count) >= THREADS + 2, path
