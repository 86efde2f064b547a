"""The rules by which verdicts become a label: every case that has a name, and, by exhaustion, those that have none."""

from collections import Counter
from itertools import product

import pytest

from reviews.selectors.settling import Vote, settle

LABELS = ("glioma", "meningioma", "")


def votes(*said):
    """Votes from labels, or from (label, seniority)."""
    return [Vote(*one) if isinstance(one, tuple) else Vote(one) for one in said]


@pytest.mark.parametrize("rule", ["unanimity", "majority", "seniority"])
@pytest.mark.parametrize(
    ("said", "readers", "outcome", "label", "path"),
    [
        ([], 1, "unread", "", ""),
        (["glioma"], 1, "final", "glioma", "one reader"),
        ([""], 1, "final", "", "one reader"),
        (["glioma"], 2, "waiting", "", ""),
        (["glioma", "meningioma"], 3, "waiting", "", ""),
        (["glioma", "glioma"], 2, "final", "glioma", "agreed"),
        (["", ""], 2, "final", "", "agreed"),
        (["glioma", "meningioma"], 2, "disagreement", "", ""),
        (["glioma", "glioma"], 1, "final", "glioma", "agreed"),
    ],
)
def test_under_every_rule(rule, said, readers, outcome, label, path):
    settled = settle(votes(*said), readers=readers, rule=rule)
    assert (settled.outcome, settled.label, settled.path) == (outcome, label, path)


@pytest.mark.parametrize(
    ("said", "path"),
    [
        (["glioma", "glioma", "meningioma"], "majority 2 of 3"),
        (["glioma", "meningioma", "pituitary"], ""),
        (["glioma", "glioma", "meningioma", "pituitary"], ""),
        (["glioma", "glioma", "meningioma", "meningioma"], ""),
        (["glioma", "meningioma", "glioma", "", "glioma"], "majority 3 of 5"),
        (["glioma", "glioma", "meningioma", "pituitary", ""], ""),
    ],
)
def test_a_majority_is_more_than_half(said, path):
    settled = settle(votes(*said), readers=len(said), rule="majority")
    assert (settled.outcome, settled.label, settled.path) == (
        ("final", "glioma", path) if path else ("disagreement", "", "")
    )


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ([("glioma", 2), ("meningioma", 1)], "glioma"),
        ([("glioma", 0), ("meningioma", 1)], "meningioma"),
        ([("glioma", 1), ("meningioma", 1)], None),
        ([("glioma", 2), ("glioma", 2), ("meningioma", 0)], "glioma"),
        ([("glioma", 2), ("meningioma", 2), ("glioma", 0)], None),
        ([("", 2), ("meningioma", 1)], ""),
    ],
)
def test_the_most_senior_decide_where_they_are_of_one_mind(said, label):
    settled = settle(votes(*said), readers=len(said), rule="seniority")
    expected = ("disagreement", "", "") if label is None else ("final", label, "senior reader")
    assert (settled.outcome, settled.label, settled.path) == expected


def test_unanimity_settles_no_difference():
    for said in product(LABELS, repeat=3):
        settled = settle(votes(*said), readers=3, rule="unanimity")
        assert (settled.outcome == "final") == (len(set(said)) == 1)


@pytest.mark.parametrize("rule", ["unanimity", "majority", "seniority"])
def test_no_rule_depends_on_who_spoke_first(rule):
    for said in product(product(LABELS, (0, 1)), repeat=3):
        orders = {
            settle(votes(*(said[i] for i in order)), readers=3, rule=rule)
            for order in ((0, 1, 2), (2, 0, 1), (1, 0, 2), (2, 1, 0))
        }
        assert len(orders) == 1
        (settled,) = orders
        if settled.outcome == "final":
            assert settled.label in {label for label, _ in said}
            if rule == "majority":
                assert 2 * Counter(label for label, _ in said)[settled.label] > 3
