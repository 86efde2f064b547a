"""A study becomes final while a delivery is being held back for it: nothing is held for ever."""

import threading

import pytest
from django.db import connection, transaction

from classifier.services.studies import set_finality
from classifier.services.telling import tell_predictions
from mriplatform.outbox.delivering import drain
from mriplatform.outbox.kinds import Kind
from mriplatform.outbox.models import Delivery
from tests.factories import analysed_image, make_collection, make_user


@pytest.mark.django_db(transaction=True)
def test_whoever_holds_a_delivery_back_waits_for_a_finality_that_is_being_committed(listening, receiver):
    collection = make_collection("Neuro")
    listening(
        make_user("alice", collection=collection, role="radiologist"), collection, "prediction.succeeded"
    )
    image = analysed_image(collection, label="glioma")
    tell_predictions(Kind.PREDICTION_SUCCEEDED, [image.predictions.get()])
    said, over = threading.Event(), threading.Event()

    def _finish() -> None:
        with transaction.atomic():
            set_finality(study=image.study, final=True)
            said.set()
            # Nobody else sees it yet, and what looks at it now must not believe that it is not.
            over.wait(1)
        connection.close()

    finishing = threading.Thread(target=_finish)
    finishing.start()
    assert said.wait(20)
    assert drain() == 1
    finishing.join()
    assert (Delivery.objects.get().state, receiver.kinds) == ("delivered", ["prediction.succeeded"])
