"""The names that messages carry about accounts; what is due stands in Postgres."""

from celery import shared_task

from mriplatform.accounts.services import forget_old_answers as forget


@shared_task(name="accounts.forget_old_answers")
def forget_old_answers() -> None:
    forget()
