"""A version's page names the label set that it learned from, to those who may see label sets there."""

from django.urls import reverse

from classifier.models import ModelVersion, RunStatus
from mriplatform.accounts.roles import Role
from tests.factories import analysed_image, make_collection, make_user
from tests.reviews.runs import freeze, make_run


def test_the_label_set_behind_a_version(read, alice, collection, browse):
    engineer = make_user("nils", collection=collection, role=Role.ML_ENGINEER)
    read.finished(alice, analysed_image(collection), label="glioma")
    label_set = freeze(collection)
    run = make_run(label_set, RunStatus.SUCCEEDED)
    version = ModelVersion.objects.create(
        number=90, name="learned", checkpoint="checkpoints/x.zip", checkpoint_sha256="e" * 64, metadata={},
        training_run=run,
    )  # fmt: skip
    link = f'<a href="{reverse("label-set", args=[label_set.pk])}">{label_set}</a>'
    at = reverse("version", args=[version.pk])
    body = browse(engineer).get(at).content.decode()
    assert link in body
    assert reverse("training-run", args=[run.pk]) in body
    # An engineer who reads there gets nothing of its label sets.
    engineer.memberships.create(collection=collection, role=Role.RADIOLOGIST)
    assert link not in browse(type(engineer).objects.get(pk=engineer.pk)).get(at).content.decode()
    assert (
        link
        not in browse(make_user("nora", role=Role.AUDITOR, collection=make_collection()))
        .get(at)
        .content.decode()
    )
