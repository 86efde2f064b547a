from collections import Counter, defaultdict

import numpy as np

from ml.labels import CLASSES
from ml.splits import assign_folds, choose_groups, join_groups


def subjects(count: int = 300) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(0)
    groups, labels = [], []
    for number in range(count):
        size = int(rng.integers(1, 12))
        groups += [f"s{number}"] * size
        labels += [CLASSES[number % 4]] * size
    return groups, labels


def test_chosen_groups_hold_the_share_of_each_class() -> None:
    groups, labels = subjects()
    chosen = choose_groups(groups, labels, 0.2, seed=1)
    held = Counter(label for group, label in zip(groups, labels, strict=True) if group in chosen)
    for label, count in Counter(labels).items():
        assert abs(held[label] / count - 0.2) < 0.03


def test_choice_depends_on_the_seed_alone() -> None:
    groups, labels = subjects()
    first = choose_groups(groups, labels, 0.2, seed=1)
    assert first == choose_groups(groups, labels, 0.2, seed=1)
    assert first != choose_groups(groups, labels, 0.2, seed=2)
    order = np.random.default_rng(0).permutation(len(groups))
    assert first == choose_groups([groups[i] for i in order], [labels[i] for i in order], 0.2, seed=1)


def test_folds_never_cut_a_group_and_are_even() -> None:
    groups, labels = subjects()
    folds = assign_folds(groups, labels, 5, seed=0)
    where = defaultdict(set)
    for group, fold in zip(groups, folds, strict=True):
        where[group].add(fold)
    assert all(len(found) == 1 for found in where.values())
    table = Counter(zip(labels, folds, strict=True))
    for label, count in Counter(labels).items():
        for fold in range(1, 6):
            assert abs(table[label, fold] / count - 0.2) < 0.04


def test_groups_join_over_any_shared_key() -> None:
    clusters = ["c1", "c1", "c2", "c3", "c4", ""]
    subjects = ["", "s1", "s1", "", "", ""]
    assert join_groups(clusters, subjects) == [
        "group-0",
        "group-0",
        "group-0",
        "group-1",
        "group-2",
        "group-3",
    ]
    assert join_groups(["a", "a"], ["x", "y"], ["", ""]) == ["group-0"] * 2
    assert join_groups(["k", ""], ["", "k"]) == ["group-0", "group-1"]
