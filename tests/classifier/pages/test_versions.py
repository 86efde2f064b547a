"""Model versions: which is in force, what it measured, who put it there."""

import numpy as np
from django.urls import reverse

from classifier.models import Promotion
from classifier.selectors import version_in_force
from classifier.services.registry import record_evaluation
from ml.metrics import evaluate
from mriplatform.accounts.roles import Role
from tests.classifier.doors import House
from tests.factories import make_user, make_version


def measured(house: House):
    version = house.prediction.model_version
    random = np.random.default_rng(1)
    labels = random.integers(0, 4, 200)
    scores = random.dirichlet(np.ones(4), 200) + 2 * np.eye(4)[labels]
    figures = evaluate(scores / scores.sum(axis=1, keepdims=True), labels, bootstrap=50)
    record_evaluation(version=version, part="reference part", part_sha256="a" * 64, figures=figures)
    return version, figures


def test_the_list_marks_what_is_in_force_and_keeps_the_history(house):
    version, figures = measured(house)
    second = make_version()
    Promotion.objects.create(
        sequence=3, model_version=version, kind=Promotion.Kind.ROLL_BACK, reason="<b>worse</b> here",
        promoted_by=house.people["paul"],
    )  # fmt: skip
    body = house.client("paul").get(reverse("versions")).content.decode()
    assert body.count("In force") == 1
    assert body.index(f"{second.number} · {second.name}") < body.index("In force")
    assert "Rolled back" in body
    assert "&lt;b&gt;worse&lt;/b&gt; here" in body
    assert f"{figures['accuracy']:.3f}" in body


def test_a_version_shows_its_figures_and_its_confusion_matrix(house):
    version, figures = measured(house)
    body = house.client("otto").get(reverse("version", args=[version.pk])).content.decode()
    assert f"{figures['balanced_accuracy']:.3f}" in body
    assert f"{figures['per_class']['meningioma']['recall']:.3f}" in body
    for row in figures["confusion"]:
        for count in row:
            assert f">{count}</td>" in body
    assert version.checkpoint_sha256 in body
    assert "for the test" in body


def test_a_version_without_figures_says_so(house):
    version = make_version(promoted=False)
    body = house.client("erin").get(reverse("version", args=[version.pk])).content.decode()
    assert "Not measured" in body
    assert "It was never in force." in body


def test_before_the_first_promotion(house, monkeypatch):
    monkeypatch.setattr("classifier.views.versions.version_in_force", lambda: None)
    assert "No model is in force." in house.client("erin").get(reverse("versions")).content.decode()


def test_a_version_that_is_not_there(house):
    assert house.client("erin").get(reverse("version", args=[house.study.pk])).status_code == 404


def test_a_roll_back_names_the_version_beforehand_and_puts_no_other_in_force(house):
    first, figures = measured(house)
    staff = make_user("pia", collection=house.collection, role=Role.APPROVER, is_staff=True)
    house.people["pia"] = staff
    client, at = house.client("pia"), reverse("admin:classifier_modelversion_roll_back")
    assert "There is no earlier version" in client.get(at, follow=True).content.decode()
    second = make_version()
    body = client.get(at).content.decode()
    assert f"Roll back to version {first.number}" in body
    assert f"In force then: {first}" in body
    assert f"{figures['accuracy']:.3f}" in body
    third = make_version()
    said = {"reason": "worse", "version": first.number}
    assert "Somebody decided meanwhile" in client.post(at, said, follow=True).content.decode()
    assert version_in_force() == third
    client.post(at, said | {"version": second.number})
    assert version_in_force() == second
