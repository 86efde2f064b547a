"""The receiver of the outbox's tests, and a collection with an image that the machine has answered."""

from tests.mriplatform.outbox.conftest import listening, quick, receiver

__all__ = ["listening", "quick", "receiver"]
