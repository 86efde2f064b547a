"""The pages of label sets: the policy with its dry run, freezing, one set, and two beside each other."""

import json
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import analysed_image, make_collection, make_user

POLICY = {"rule": "single", "agreeing_reads": "2", "seen": "weigh", "seen_weight": "0.25", "if_version": "0"}


@pytest.fixture
def client(browse, engineer):
    return browse(engineer)


@pytest.fixture
def labelled(alice, collection, read):
    """Three images; all are read, two are final, one is not assessable."""
    images = [analysed_image(collection) for _ in range(3)]
    for image, label in zip(images, ("pituitary", "glioma", "not_assessable"), strict=True):
        read.finished(alice, image, label)
    return images


def page_of(client, name, *arguments, **query):
    answer = client.get(reverse(name, args=arguments), query)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def freeze(client, collection):
    from reviews.models import LabelSet
    from reviews.selectors.eligibility import policy_of
    from reviews.selectors.planned import planned_label_set

    sha256 = planned_label_set(collection, policy_of(collection)).sha256
    answer = client.post(reverse("label-set-freeze", args=[collection.pk]), {"if_sha256": sha256})
    label_set = LabelSet.objects.latest("number")
    assert answer["Location"] == reverse("label-set", args=[label_set.pk])
    return label_set


def test_the_dry_run_stands_beside_the_form_and_stores_nothing(client, collection, labelled):
    from reviews.models import EligibilityPolicy, LabelSet, SplitAssignment

    page = page_of(client, "eligibility", collection.pk)
    assert "No policy was set. In force: Labels that are final by the reading protocol." in page
    assert "What a freeze would take now" in page
    tried = page_of(client, "eligibility", collection.pk, rule="adjudicated", seen="exclude")
    assert "What this policy would take" in tried
    assert "no adjudicator has decided (3)" in tried
    assert (
        'value="adjudicated" checked' in tried or "checked" in tried.partition('value="adjudicated"')[2][:60]
    )
    assert tried.count('data-label="Left out because"') == 3
    narrowed = page_of(client, "eligibility", collection.pk, split="used", label="glioma")
    assert "<caption>1 image</caption>" in narrowed
    assert labelled[1].short_id in narrowed.partition("<caption>")[2]
    for model in (EligibilityPolicy, LabelSet, SplitAssignment):
        assert not model.objects.exists()


def test_a_policy_is_put_in_force(client, engineer, collection, labelled):
    from reviews.selectors.eligibility import policy_of

    address = reverse("eligibility", args=[collection.pk])
    page = unescape(client.post(address, POLICY, follow=True).content.decode())
    policy = policy_of(collection)
    assert (policy.version, policy.rule, policy.seen_weight, policy.set_by) == (1, "single", 0.25, engineer)
    assert "Policy 1 is in force" in page
    assert "count 0.25" in page
    stale = client.post(address, POLICY | {"rule": "protocol"})
    assert (stale.status_code, policy_of(collection)) == (412, policy)
    wrong = client.post(address, POLICY | {"agreeing_reads": "9", "if_version": "1"})
    assert (wrong.status_code, policy_of(collection)) == (400, policy)


@pytest.mark.parametrize("query", ["split=nowhere", "label=ghost", "start=1&colour=red"])
def test_what_is_asked_for_must_exist(client, collection, query):
    assert client.get(f"{reverse('eligibility', args=[collection.pk])}?{query}").status_code == 400


def test_what_is_confirmed_is_what_is_frozen(client, alice, collection, labelled, read):
    from reviews.models import LabelSet

    address = reverse("label-set-freeze", args=[collection.pk])
    page = page_of(client, "label-set-freeze", collection.pk)
    assert "Freeze 2 labels" in page
    sha256 = page.partition('name="if_sha256" value="')[2][:64]
    read.finished(alice, analysed_image(collection), "glioma")
    late = client.post(address, {"if_sha256": sha256})
    assert (late.status_code, LabelSet.objects.count()) == (412, 0)
    assert "changed since you looked" in late.content.decode()
    label_set = freeze(client, collection)
    assert label_set.counts["train"] == 3
    assert "Nothing changed since" in page_of(client, "label-set-freeze", collection.pk)
    assert f"Label set {label_set.number}" in page_of(client, "label-sets", collection.pk)


def test_a_set_tells_its_counts_its_images_and_what_came_of_it(
    client, engineer, collection, labelled, version
):
    from reviews.services.label_sets import retrain

    label_set = freeze(client, collection)
    run = retrain(actor=engineer, label_set=label_set)
    page = page_of(client, "label-set", label_set.pk)
    assert label_set.manifest_sha256 in page
    assert reverse("api-manifest", args=[label_set.pk]) in page
    assert f"Run {run.number}" in page
    assert "not assessable (1)" in page
    assert page.count('class="part-train"') == 2
    assert "style=" not in page
    assert "<caption>3 images</caption>" in page
    narrowed = page_of(client, "label-set", label_set.pk, reason="not assessable")
    assert "<caption>1 image</caption>" in narrowed
    assert labelled[2].short_id in narrowed
    assert "<caption>1 image</caption>" in page_of(
        client, "label-set", label_set.pk, reason="not assessable\0"
    )


def test_a_long_list_comes_in_pages(client, collection, labelled, monkeypatch):
    from reviews.views import eligibility, label_sets

    label_set = freeze(client, collection)
    for module, name, argument in (
        (label_sets, "label-set", label_set),
        (eligibility, "eligibility", collection),
    ):
        monkeypatch.setattr(module, "PAGE", 2)
        first = page_of(client, name, argument.pk)
        following = unescape(first.partition('rel="next" href="')[2].partition('"')[0])
        assert first.count('data-label="Part"') == 2
        rest = client.get(f"{reverse(name, args=[argument.pk])}{following}").content.decode()
        assert rest.count('data-label="Part"') == 1
        assert 'rel="prev"' in rest
        assert 'rel="next"' not in rest


def test_two_sets_stand_beside_each_other(client, alice, collection, labelled, read):
    first = freeze(client, collection)
    alone = page_of(client, "label-set-compare", first.pk)
    assert "nothing to compare it with" in alone
    late = analysed_image(collection)
    read.finished(alice, late, "notumor")
    second = freeze(client, collection)
    page = page_of(client, "label-set-compare", second.pk)
    assert "1 image differs; 3 are the same in both." in page
    assert late.short_id in page
    assert "Nothing differs in this way" in page_of(client, "label-set-compare", second.pk, change="label")
    address = reverse("label-set-compare-download", args=[second.pk])
    answer = client.get(address, {"with": str(first.pk)})
    document = json.loads(b"".join(answer.streaming_content))
    assert (document["before"]["number"], document["after"]["number"]) == (first.number, second.number)
    assert document["counts"]["added"] == 1
    (difference,) = document["differences"]
    assert (difference["image"], difference["changes"], difference["before"]) == (
        str(late.pk),
        ["added"],
        None,
    )
    assert client.get(address).status_code == 400


def test_who_reads_there_sees_no_label_set_whatever_else_they_are(
    browse, engineer, alice, charlie, collection, labelled
):
    label_set = freeze(browse(engineer), collection)
    alice.memberships.create(collection=collection, role="ml_engineer")
    pages = [
        ("label-sets", collection.pk),
        ("eligibility", collection.pk),
        ("label-set-freeze", collection.pk),
    ]
    own = [("label-set", label_set.pk), ("label-set-compare", label_set.pk)]
    stranger = make_user("sue", collection=make_collection(), role="ml_engineer")
    for name, argument in pages + own:
        address = reverse(name, args=[argument])
        assert browse(alice).get(address).status_code == (404 if (name, argument) in own else 403)
        assert browse(stranger).get(address).status_code == 404
        assert Client().get(address).status_code == 302
    other = freeze_elsewhere(stranger, charlie)
    answer = browse(engineer).get(reverse("label-set-compare", args=[label_set.pk]), {"with": str(other.pk)})
    assert answer.status_code == 404


def freeze_elsewhere(engineer, reader):
    from reviews.models import ImportedLabel
    from reviews.services.label_sets import freeze_label_set

    image = analysed_image(engineer.memberships.get().collection)
    ImportedLabel.objects.create(image=image, label="glioma", dataset="d")
    return freeze_label_set(actor=engineer, collection=image.collection)


def test_an_approver_looks_and_does_not_freeze(browse, member, client, collection, labelled):
    label_set = freeze(client, collection)
    approver = browse(member("paul", "approver", is_staff=True))
    assert "Freeze…" not in page_of(approver, "label-sets", collection.pk)
    assert "Retrain…" not in page_of(approver, "label-set", label_set.pk)
    for name in ("eligibility", "label-set-freeze"):
        assert approver.get(reverse(name, args=[collection.pk])).status_code == 403
        assert approver.post(reverse(name, args=[collection.pk]), POLICY).status_code == 403
