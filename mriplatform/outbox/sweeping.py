"""Takes out of the log what became of deliveries long ago. The events stay: they are a ledger, and count on."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from mriplatform.outbox.models import Delivery

AT_ONCE: Final = 5000


@transaction.atomic
def forget_old_deliveries() -> int:
    """Delete deliveries, with their tries, that ended more than `WEBHOOK_LOG_DAYS` ago; some of them at a time.

    Returns:
        How many.
    """
    if not settings.WEBHOOK_LOG_DAYS:
        return 0
    ended = Delivery.objects.exclude(state__in=Delivery.OPEN).filter(
        finished_at__lt=Now() - timedelta(days=settings.WEBHOOK_LOG_DAYS)
    )
    some = list(ended.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    Delivery.objects.filter(pk__in=some).delete()
    return len(some)
