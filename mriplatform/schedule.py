"""Which queues beat rings, and how often: a bell that is lost costs at most one interval, never a job."""

from typing import Any

INFERENCE, TRAINING, INTAKE, OUTBOX = "inference", "training", "intake", "outbox"


def bells(*, every: float, expire: float) -> dict[str, dict[str, Any]]:
    """The schedule of Celery's beat.

    Args:
        every: seconds between two bells of a queue of jobs.
        expire: seconds after which a bell that nobody heard is thrown away.
    """

    def often(task: str, queue: str) -> dict[str, Any]:
        return {"task": task, "schedule": every, "options": {"queue": queue, "expires": expire}}

    # What is seldom due is asked for by the inference worker: a training holds the other one for hours.
    def seldom(task: str, seconds: float) -> dict[str, Any]:
        return {"task": task, "schedule": seconds, "options": {"queue": INFERENCE, "expires": seconds}}

    return {
        "ring-inference": often("classifier.drain_predictions", INFERENCE),
        # By either kind of worker: what one of them lost while it hangs, the other returns to the queue.
        "reap-by-inference": often("classifier.reap_expired_leases", INFERENCE),
        "reap-by-training": often("classifier.reap_expired_leases", TRAINING),
        # Also what sweeps archives that were abandoned.
        "ring-archives": often("classifier.drain_archives", INTAKE),
        "ring-training": often("classifier.drain_training", TRAINING),
        "ring-outbox": often("outbox.deliver", OUTBOX),
        # Passes over a backlog: each step asks about as many images as its rate allows since the last one.
        "step-rescores": often("reviews.step_rescores", INFERENCE),
        # Figures are made daily, and when somebody asks: this only looks whether they are due; those of a hundred
        # thousand images take seconds.
        "ring-figures": seldom("reviews.compute_figures", 300),
        # Searches for likely label errors: five thousand labels take a second.
        "ring-label-errors": seldom("reviews.find_label_errors", 60),
        "forget-old-answers": seldom("accounts.forget_old_answers", 3600),
        "forget-old-deliveries": seldom("outbox.forget_old_deliveries", 3600),
        # Whether a collection's retraining plan is due.
        "start-due-trainings": seldom("reviews.start_due_trainings", 60),
    }
