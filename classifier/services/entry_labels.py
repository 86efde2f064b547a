"""Labels that come in with images, as an archive's folders say them. The human reader's side keeps them; it is told
by a signal, since nothing here imports it."""

from django.dispatch import Signal

from classifier.models import Image
from mriplatform.accounts.models import User

# Sent with `image`, `label` (one of `ml.labels.CLASSES`), `dataset` and `actor`, in the transaction that stores the
# image or lets it out of quarantine.
entry_stored = Signal()


def send_label(*, image: Image, label: str, dataset: str, actor: User) -> None:
    """Hand the label that came in with an image to whoever keeps labels; to be called in the image's transaction."""
    if label:
        entry_stored.send(sender=Image, image=image, label=label, dataset=dataset, actor=actor)
