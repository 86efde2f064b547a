import numpy as np
import pytest

from ml.calibration import CalibrationError, factor_for_confidence, fit_temperature, probabilities
from ml.metrics import expected_calibration_error


def test_finds_the_temperature_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (20000, 4))
    shares = probabilities(logits, 2.5)
    labels = (shares.cumsum(axis=1) < rng.random((len(shares), 1))).sum(axis=1)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(2.5, rel=0.05)
    before = expected_calibration_error(probabilities(logits), labels)
    assert expected_calibration_error(probabilities(logits, found), labels) < 0.2 * before


def test_probabilities_survive_large_logits() -> None:
    assert probabilities([[1000.0, 0, 0, 0]]).tolist() == [[1, 0, 0, 0]]


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(CalibrationError, match="as many logits as labels"):
        fit_temperature(np.zeros((0, 4)), [])


def test_a_factor_reaches_a_mean_confidence_and_stops_at_its_ends():
    logits = np.random.default_rng(3).normal(0, 3, (200, 4))
    for confidence in (0.5, 0.8, 0.95):
        factor = factor_for_confidence(logits, confidence)
        assert probabilities(logits * factor).max(axis=1).mean() == pytest.approx(confidence, abs=1e-4)
    own = probabilities(logits).max(axis=1).mean()
    assert factor_for_confidence(logits, own) == pytest.approx(1, abs=1e-3)
    assert factor_for_confidence(np.zeros((5, 4)), 0.9) == 20
    assert factor_for_confidence(logits, 0.1) == 0.05
    with pytest.raises(CalibrationError, match="got none"):
        factor_for_confidence(np.zeros((0, 4)), 0.9)
