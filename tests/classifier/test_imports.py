"""What a process may load: no model runtime in the web process, no Keras in a worker that serves the ONNX export."""

import subprocess
import sys

import pytest

PROBE = """
import sys
import django
django.setup()
{load}
heavy = [name for name in ("tensorflow", "keras", "onnxruntime", "sklearn", "highdicom") if name in sys.modules]
print(",".join(heavy))
"""
WEB = """
from django.urls import get_resolver
get_resolver().url_patterns
import mriplatform.wsgi, classifier.services.uploads, classifier.services.registry, classifier.services.training
"""


@pytest.mark.parametrize(
    ("load", "allowed"),
    [(WEB, set()), ("import mriplatform.celery", set()), ("import classifier.tasks", {"onnxruntime"})],
    ids=["web", "beat", "worker"],
)
def test_nothing_heavy_is_loaded_where_it_is_not_used(load, allowed):
    probe = subprocess.run(
        [sys.executable, "-c", PROBE.format(load=load)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = set(filter(None, probe.stdout.strip().split(",")))
    assert loaded <= allowed
