"""Each row of each figure of one simulated room, against scikit-learn, statsmodels or SciPy on the same data.

What a row is of is worked out here from its words and the arrays, by other code than the figures'. A figure that has no
check here fails.
"""

from dataclasses import fields
from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.special import rel_entr
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    confusion_matrix,
    recall_score,
)
from sklearn.metrics.pairwise import rbf_kernel
from statsmodels.stats import inter_rater
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from reviews.figures.data import ANSWERS, ASSISTED, BLINDED, KNOWN, LABEL, REPEAT, UNAIDED, Readings
from reviews.figures.drift import embedding_drift
from reviews.figures.shadow import InShadow
from reviews.figures.whole import all_figures
from reviews.selectors.figure_words import FIGURES
from tests.reviews.figures.rooms import PATHS, make_images, make_readings

RANDOM = np.random.default_rng(21)
COUNT = 400
WIDTH = RANDOM.normal(512, 40, COUNT) + np.linspace(0, 40, COUNT)
VECTORS = RANDOM.normal(0, 1, (COUNT, 6)) + np.linspace(0, 1, COUNT)[:, np.newaxis]
IMAGES = make_images(
    COUNT,
    path=np.array([PATHS.index("agreed"), PATHS.index("one reader"), PATHS.index("adjudicated")])[
        np.arange(COUNT) % 3
    ]
    * (np.arange(COUNT) < 320)
    + PATHS.index("known case") * (np.arange(COUNT) >= 320),
    closed=np.arange(COUNT) < 320,
    inputs={"width": WIDTH},
)


def joined(*parts):
    return Readings(
        **{one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Readings)}
    )


def room():
    """Three blinded readers with known cases and, of the first, repeats; one assisted reader and one unaided."""
    known = np.tile(np.where(np.arange(COUNT) < 320, LABEL, KNOWN), 3)
    blinded = make_readings(IMAGES, 3, purpose=known)
    labels = np.arange(COUNT) < 320

    def alone(number, seed, **given):
        every = make_readings(IMAGES, 1, seed=seed, reader=np.full(COUNT, number), **given)
        return every.where(labels)

    assisted = alone(4, 5, mode=np.full(COUNT, ASSISTED), first=np.full(COUNT, -1))
    unaided = alone(5, 6, mode=np.full(COUNT, UNAIDED), revealed=np.zeros(COUNT, bool))
    again = make_readings(IMAGES, 1, seed=8, purpose=np.full(COUNT, REPEAT), repeats=np.arange(COUNT)).where(
        np.arange(COUNT) < 60
    )
    return joined(blinded, assisted, unaided, again)


R = room()
TRUTH, MACHINE = IMAGES.truth[R.image], IMAGES.machine[R.image]
PATH = np.array(PATHS)[IMAGES.path[R.image]]
COUNTED = R.purpose != REPEAT
SETTLED = {"settled": PATH != "one reader", "independent": np.isin(PATH, ["adjudicated", "known case"])}
SHOWN = COUNTED & (R.mode == BLINDED) & R.revealed & (R.first >= 0)
WAYS = {
    "without": (COUNTED & (R.first >= 0), R.first, R.first_confidence, R.first_seconds),
    "after": (SHOWN, R.verdict, np.zeros(len(R), int), R.seconds),
    "assisted": (COUNTED & (R.mode == ASSISTED), R.verdict, np.zeros(len(R), int), R.seconds),
}
LABELS = R.purpose == LABEL
SAID = {"first_read": (LABELS & (R.first >= 0), R.first), "verdict": (LABELS, R.verdict)}


def embeddings(found):
    later = [(start, end, VECTORS[places]) for start, end, places in found.later]
    return embedding_drift(VECTORS[found.reference], later)


# One version answered two images in three unseen, rather better than the answer did; another has answered none.
UNSEEN = np.where(
    np.arange(COUNT) % 3 == 0,
    -1,
    np.where(RANDOM.random(COUNT) < 0.9, IMAGES.truth, (IMAGES.truth + 1) % 4),
)
SHADOWS = (InShadow(7, UNSEEN), InShadow(8, np.full(COUNT, -1)))
FOUND = all_figures(IMAGES, R, embeddings, SHADOWS)["everything"]


def table_of(said):
    """Who said what of which image (images, readers), of those that all of them read."""
    mask, answers = SAID[said]
    people = np.unique(R.reader[mask])
    grid = np.full((COUNT, len(people)), -1)
    for column, person in enumerate(people):
        mine = mask & (R.reader == person)
        grid[R.image[mine], column] = answers[mine]
    return grid[(grid >= 0).all(axis=1)]


def same_ends(row, hits, n):
    assert row["n"] == n
    assert (row["low"], row["high"]) == pytest.approx(proportion_confint(hits, n, method="wilson"))


def jackknifed(row, first, second, groups):
    """The interval of a kappa by leaving out one image with all its readings at a time."""
    people = np.unique(groups)
    left = [cohen_kappa_score(first[groups != one], second[groups != one]) for one in people]
    half = stats.t.ppf(0.975, len(people) - 1) * np.sqrt(len(people) - 1) * np.std(left)
    assert row["value"] == pytest.approx(cohen_kappa_score(first, second))
    assert (row["low"], row["high"]) == pytest.approx((row["value"] - half, row["value"] + half), abs=0.01)


def check_between_readers(row):
    answers = table_of(row["said"])
    counts, _ = inter_rater.aggregate_raters(answers, n_cat=5)
    pairs = list(combinations(range(answers.shape[1]), 2))
    observed = np.mean([accuracy_score(answers[:, one], answers[:, other]) for one, other in pairs])
    common = counts.sum(axis=0) / counts.sum()
    chance = (common * (1 - common)).sum() / 4  # Gwet 2008, equation 8
    expected = {
        "agreement": observed,
        "fleiss": inter_rater.fleiss_kappa(counts),
        "ac1": (observed - chance) / (1 - chance),
    }[row["measure"]]
    assert (row["n"], row["readers"]) == answers.shape
    assert row["value"] == pytest.approx(expected)
    assert row["low"] < row["value"] < row["high"]


def check_pairs_of_readers(row):
    mask, answers = SAID[row["said"]]
    people = [mask & (R.reader == row[who]) for who in ("reader", "other")]
    both = [dict(zip(R.image[mine], answers[mine], strict=True)) for mine in people]
    common = sorted(both[0].keys() & both[1].keys())
    first, second = ([one[image] for image in common] for one in both)
    expected = inter_rater.cohens_kappa(confusion_matrix(first, second, labels=range(5)))
    assert row["n"] == len(common)
    assert row["value"] == pytest.approx(cohen_kappa_score(first, second))
    assert (row["low"], row["high"]) == pytest.approx((expected.kappa_low, expected.kappa_upp))


def check_with_themselves(row):
    again = R.purpose == REPEAT
    earlier, later = R.verdict[R.repeats[again]], R.verdict[again]
    if row["measure"] == "agreement":
        same_ends(row, (earlier == later).sum(), 60)
        assert row["value"] == pytest.approx(accuracy_score(earlier, later))
    else:
        expected = inter_rater.cohens_kappa(confusion_matrix(earlier, later, labels=range(5)))
        assert (row["value"], row["low"], row["high"]) == pytest.approx(
            (cohen_kappa_score(earlier, later), expected.kappa_low, expected.kappa_upp)
        )


def check_known_cases(row):
    known = R.purpose == KNOWN
    if row["label"] != "all":
        known &= np.equal(TRUTH, ANSWERS.index(row["label"]))
    assert (row["n"], row["value"]) == (
        known.sum(),
        pytest.approx(accuracy_score(TRUTH[known], R.first[known])),
    )


def check_with_machine(row):
    mask, said = {
        "before": (SHOWN & LABELS, R.first),
        "after": (SHOWN & LABELS, R.verdict),
        "assisted": (LABELS & (R.mode == ASSISTED), R.verdict),
        "never": (LABELS & (R.mode == UNAIDED), R.verdict),
    }[row["when"]]
    assert row["n"] == mask.sum()
    if row["measure"] == "kappa":
        jackknifed(row, said[mask], MACHINE[mask], R.image[mask])
    else:
        assert row["value"] == pytest.approx(accuracy_score(MACHINE[mask], said[mask]))


def check_with_without(row):
    way, said, *_ = WAYS[row["condition"]]
    mask = way & SETTLED[row["truth"]]
    assert row["n"] == mask.sum()
    if row["measure"] == "kappa":
        return jackknifed(row, said[mask], TRUTH[mask], R.image[mask])
    measure = {"accuracy": accuracy_score, "balanced_accuracy": balanced_accuracy_score}[row["measure"]]
    assert row["value"] == pytest.approx(measure(TRUTH[mask], said[mask]))


def check_change(row):
    mask = SHOWN & SETTLED[row["truth"]]
    before, after = (accuracy_score(TRUTH[mask], said[mask]) for said in (R.first, R.verdict))
    moved = (R.verdict[mask] == TRUTH[mask]).astype(float) - (R.first[mask] == TRUTH[mask])
    fit = sm.OLS(moved, np.ones(len(moved))).fit(
        cov_type="cluster", cov_kwds={"groups": R.image[mask]}, use_t=True
    )
    assert row["value"] == pytest.approx(after - before)
    assert (row["low"], row["high"]) == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-3)


def check_automation_bias(row):
    """Goddard, Roudsari & Wyatt 2012, as cells of a cross table that is filled one reading at a time."""
    happened = among = 0
    for place in np.flatnonzero(SHOWN):
        first, verdict, machine, truth = (said[place] for said in (R.first, R.verdict, MACHINE, TRUTH))
        settled = SETTLED["settled"][place]
        belongs, did = {
            "right_to_wrong": (settled and first == truth != machine, verdict != truth),
            "kept_right": (settled and first == truth != machine, verdict == truth),
            "wrong_to_right": (settled and first != truth == machine, verdict == truth),
            "ignored_right": (settled and first != truth == machine, verdict != truth),
            "moved": (first != machine, verdict == machine),
        }[row["event"]]
        among += belongs
        happened += belongs and did
    assert (row["n"], row["count"], row["value"]) == (among, happened, pytest.approx(happened / among))
    assert row["low"] <= row["value"] <= row["high"]


def check_confidence(row):
    way, said, level, _ = WAYS[row["condition"]]
    mask = way & SETTLED["settled"] & (level == row["confidence"])
    assert (row["n"], row["value"]) == (mask.sum(), pytest.approx(accuracy_score(TRUTH[mask], said[mask])))


def check_seconds(row):
    way, *_, taken = WAYS[row["condition"]]
    times = np.sort(taken[way])
    k = int(np.searchsorted(times, row["low"])) + 1
    assert (row["n"], row["value"]) == (len(times), pytest.approx(np.median(times)))
    assert row["high"] == times[len(times) - k]
    assert stats.binom.cdf(k - 1, len(times), 0.5) <= 0.0255
    assert stats.binom.cdf(k, len(times), 0.5) >= 0.024


def check_by_reader(row):
    mine = R.reader == row["reader"]
    if row["measure"] == "with_themselves":
        again = mine & (R.purpose == REPEAT)
        truth, said = R.verdict[R.repeats[again]], R.verdict[again]
    elif row["measure"] == "known_cases":
        known = mine & (R.purpose == KNOWN)
        truth, said = TRUTH[known], R.first[known]
    else:
        way, answers, *_ = WAYS[row["measure"]]
        mask = mine & way & SETTLED["settled"]
        truth, said = TRUTH[mask], answers[mask]
    same_ends(row, (truth == said).sum(), len(truth))
    assert row["value"] == pytest.approx(accuracy_score(truth, said))


def check_model_accuracy(row):
    truth, said = IMAGES.truth, IMAGES.machine
    if row["measure"] == "recall":
        label = ANSWERS.index(row["label"])
        same_ends(row, ((truth == label) & (said == label)).sum(), (truth == label).sum())
        expected = recall_score(truth, said, average=None, labels=[label])[0]
    elif row["measure"] == "kappa":
        expected = cohen_kappa_score(truth, said)
        ends = inter_rater.cohens_kappa(confusion_matrix(said, truth, labels=range(5)))
        assert (row["low"], row["high"]) == pytest.approx((ends.kappa_low, ends.kappa_upp))
    else:
        measure = {"accuracy": accuracy_score, "balanced_accuracy": balanced_accuracy_score}[row["measure"]]
        expected = measure(truth, said)
    assert row["value"] == pytest.approx(expected)


def check_truth_paths(row):
    counted = np.array(PATHS)[IMAGES.path] == row["path"]
    assert (row["n"], row["value"]) == (counted.sum(), pytest.approx(counted.mean()))


def check_calibration(row):
    stated, right = IMAGES.probabilities.max(axis=1), IMAGES.machine == IMAGES.truth
    observed, mean = calibration_curve(right, stated, n_bins=10)
    place = int(np.argmin(np.abs(mean - row["confidence"])))
    assert (row["confidence"], row["value"]) == pytest.approx((mean[place], observed[place]))
    inside = (stated > row["from"]) & (stated <= row["to"])
    same_ends(row, right[inside].sum(), inside.sum())


def check_calibration_error(row):
    stated, right = IMAGES.probabilities.max(axis=1), IMAGES.machine == IMAGES.truth
    observed, mean = calibration_curve(right, stated, n_bins=10)
    weights = np.histogram(stated, bins=10, range=(0, 1))[0]
    expected = np.average(
        np.abs(observed - mean), weights=weights[weights > 0]
    )  # Guo et al. 2017, equation 3
    assert (row["n"], row["value"]) == (COUNT, pytest.approx(expected))


def in_period(row):
    last = IMAGES.arrived[199]
    if row.get("period") == 0:
        return IMAGES.arrived <= last
    return (IMAGES.arrived > last) & (IMAGES.arrived >= row["from_day"]) & (IMAGES.arrived < row["to_day"])


def check_class_mix(row):
    said = {"machine": IMAGES.machine, "final": IMAGES.truth}[row["source"]][in_period(row)]
    hits = (said == ANSWERS.index(row["label"])).sum()
    same_ends(row, hits, len(said))
    assert row["value"] == pytest.approx(hits / len(said))


def jeffreys(reference, later):
    """SciPy's relative entropy in both directions, with what is empty at one in ten thousand."""
    p, q = (np.maximum(counts / counts.sum(), 1e-4) for counts in (reference, later))
    return rel_entr(p, q).sum() + rel_entr(q, p).sum()


def check_mix_drift(row):
    answers = {"machine": IMAGES.machine, "final": IMAGES.truth}[row["source"]]
    reference, later = (
        np.bincount(answers[m], minlength=5) for m in (np.arange(COUNT) < 200, in_period(row))
    )
    assert (row["n"], row["value"]) == (later.sum(), pytest.approx(jeffreys(reference, later)))


def check_input_drift(row):
    edges = np.concatenate(([-np.inf], np.quantile(WIDTH[:200], np.arange(1, 10) / 10), [np.inf]))
    counts = [
        np.unique(np.digitize(values, edges, right=True), return_counts=True)
        for values in (WIDTH[:200], WIDTH[in_period(row)])
    ]
    full = [np.bincount(bins, weights=number, minlength=11)[1:] for bins, number in counts]
    assert row["value"] == pytest.approx(jeffreys(*full))


def check_embedding_drift(row):
    first, second = VECTORS[:200], VECTORS[in_period(row)]
    both = np.vstack((first, second))
    squares = ((both[:, np.newaxis] - both[np.newaxis]) ** 2).sum(axis=2)
    gamma = 1 / np.median(squares[np.triu_indices(len(both), 1)])
    inside = [rbf_kernel(one, gamma=gamma) for one in (first, second)]
    expected = sum((k.sum() - len(k)) / (len(k) * (len(k) - 1)) for k in inside)
    expected -= 2 * rbf_kernel(first, second, gamma=gamma).mean()  # Gretton et al. 2012, equation 3
    assert row["n"] == len(second)
    assert row["value"] == pytest.approx(expected)


def beside(side):
    return {"shadow": UNSEEN, "answer": IMAGES.machine}[side]


def check_shadow_reads(row):
    mask = LABELS & (R.first >= 0) & (UNSEEN[R.image] >= 0)
    said, first, groups = beside(row["side"])[R.image][mask], R.first[mask], R.image[mask]
    assert (row["version"], row["n"], row["readers"]) == (7, mask.sum(), len(np.unique(R.reader[mask])))
    if row["measure"] == "kappa":
        jackknifed(row, said, first, groups)
    else:
        assert row["value"] == pytest.approx(accuracy_score(first, said))
        assert row["low"] < row["value"] < row["high"]


def check_shadow_labels(row):
    at = UNSEEN >= 0
    truth, said = IMAGES.truth[at], beside(row["side"])[at]
    measure = {
        "accuracy": accuracy_score, "balanced_accuracy": balanced_accuracy_score, "kappa": cohen_kappa_score,
    }[row["measure"]]  # fmt: skip
    assert (row["version"], row["n"], row["value"]) == (7, at.sum(), pytest.approx(measure(truth, said)))
    if row["measure"] == "accuracy":
        same_ends(row, (truth == said).sum(), at.sum())


def check_shadow_difference(row):
    reads = LABELS & (R.first >= 0) & (UNSEEN[R.image] >= 0)
    places, said = {
        "first_reads": (R.image[reads], R.first[reads]),
        "final_labels": (np.flatnonzero(UNSEEN >= 0), IMAGES.truth[UNSEEN >= 0]),
    }[row["against"]]
    right, before = UNSEEN[places] == said, IMAGES.machine[places] == said
    fit = sm.OLS(right.astype(float) - before, np.ones(len(said))).fit(
        cov_type="cluster", cov_kwds={"groups": places}, use_t=True
    )
    assert (row["version"], row["n"], row["value"]) == (7, len(said), pytest.approx(fit.params[0]))
    assert (row["low"], row["high"]) == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-3)
    table = [[(right & before).sum(), (right & ~before).sum()], [(before & ~right).sum(), 0]]
    assert (row["only_shadow"], row["only_answer"]) == (table[0][1], table[1][0])
    p = mcnemar(table, exact=True).pvalue if row["against"] == "final_labels" else None
    assert row["p"] == (pytest.approx(p) if p is not None else None)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_what_the_libraries_say(name):
    assert set(FOUND) == set(FIGURES)
    rows = FOUND[name]
    assert rows, "The room has nothing for this figure."
    for row in rows:
        globals()[f"check_{name}"](row)
