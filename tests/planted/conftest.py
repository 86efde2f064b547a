"""A receiver of webhooks, which is told what the platform tells anybody."""

from tests.mriplatform.outbox.conftest import listening, quick, receiver

__all__ = ["listening", "quick", "receiver"]
