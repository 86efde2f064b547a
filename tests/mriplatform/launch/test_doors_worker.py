"""The worker at the doors runs threads, so what it imports must never be TensorFlow, which is 700 MB and seconds."""

import subprocess
import sys

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
