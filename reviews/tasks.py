"""The names that messages carry on the human reader's side; what is due stands in Postgres."""

from celery import shared_task

from reviews.services.figures import compute_due_figures
from reviews.services.label_errors import find_due_label_errors
from reviews.services.rescoring import step_rescores as step
from reviews.services.retraining import start_due_trainings as start_due


@shared_task(name="reviews.compute_figures")
def compute_figures() -> None:
    compute_due_figures()


@shared_task(name="reviews.find_label_errors")
def find_label_errors() -> None:
    find_due_label_errors()


@shared_task(name="reviews.step_rescores")
def step_rescores() -> None:
    step()


@shared_task(name="reviews.start_due_trainings")
def start_due_trainings() -> None:
    start_due()
