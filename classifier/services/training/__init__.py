"""Training runs: started, claimed by the training worker with a lease, finished with a candidate, or cancelled."""

from classifier.services.training.cancelling import cancel_run, close_cancelled_run
from classifier.services.training.recipes import (
    FINE_TUNE,
    FINE_TUNE_RECIPE,
    HEAD,
    HEAD_RECIPE,
    NETWORKS,
    OPTIONS,
    RecipeRefused,
    check_recipe,
)
from classifier.services.training.running import (
    MAX_ATTEMPTS,
    claim_run,
    fail_run,
    finish_run,
    heartbeat,
    reap_expired_runs,
)
from classifier.services.training.starting import start_run

__all__ = [
    "FINE_TUNE",
    "FINE_TUNE_RECIPE",
    "HEAD",
    "HEAD_RECIPE",
    "MAX_ATTEMPTS",
    "NETWORKS",
    "OPTIONS",
    "RecipeRefused",
    "cancel_run",
    "check_recipe",
    "claim_run",
    "close_cancelled_run",
    "fail_run",
    "finish_run",
    "heartbeat",
    "reap_expired_runs",
    "start_run",
]
