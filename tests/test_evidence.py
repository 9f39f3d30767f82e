"""What a peak is worth, against Bayes' rule, simulated frames and densities written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.config import EvidenceConfig
from uavloc.evidence import first_log_odds, log_density, peak_log_ratio, protection_m, score_log_ratio

CONFIG = EvidenceConfig()
TURNING_SCORE = CONFIG.true_score + CONFIG.true_spread**2 / CONFIG.clutter_spread
"""Where the broad normal of true scores falls as fast as the clutter does: the model is made for scores below."""
SCORES, AREAS_M2 = st.floats(0.0, TURNING_SCORE), st.floats(1e3, 1e7)


def random_cov(seed: int, size: int) -> np.ndarray:
    root = np.random.default_rng(seed).normal(size=(size, size)) * 3.0
    return np.asarray(root @ root.T + 0.05 * np.eye(size))


# --- a peak -----------------------------------------------------------------------------------------------------------


@given(SCORES, SCORES, st.floats(0.0, 12.0), AREAS_M2)
def test_a_higher_score_is_never_worth_less(a: float, b: float, rival: float, area_m2: float) -> None:
    low, high = sorted((a, b))
    assert peak_log_ratio(low, rival, area_m2, CONFIG) <= peak_log_ratio(high, rival, area_m2, CONFIG) + 1e-9
    of_one_surface = score_log_ratio(np.array([low, high], np.float32), CONFIG)
    assert of_one_surface[0] <= of_one_surface[1] + 1e-5


@pytest.mark.parametrize("score", [35.0, 50.0, 100.0])
def test_no_score_is_too_good_to_be_true(score: float) -> None:
    """A frame cut from its own map scores 100 and more: no clutter does."""
    assert peak_log_ratio(score, 0.0, 1e4, CONFIG) >= peak_log_ratio(TURNING_SCORE, 0.0, 1e4, CONFIG)
    alone = score_log_ratio(np.array([TURNING_SCORE, score], np.float32), CONFIG)
    assert alone[0] <= alone[1]


@given(SCORES, AREAS_M2, AREAS_M2)
def test_without_a_rival_a_peak_is_worth_the_same_in_any_area(score: float, one_m2: float, other_m2: float) -> None:
    """A larger surface holds more wrong peaks, but each of its square metres holds as many."""
    assert peak_log_ratio(score, 0.0, one_m2, CONFIG) == pytest.approx(peak_log_ratio(score, 0.0, other_m2, CONFIG))


@given(SCORES, st.floats(0.0, 20.0), st.floats(0.0, 20.0), AREAS_M2)
def test_a_strong_rival_takes_worth_and_a_weak_one_none(score: float, a: float, b: float, area_m2: float) -> None:
    weak, strong = sorted((a, b))
    worth = [peak_log_ratio(score, rival, area_m2, CONFIG) for rival in (0.0, weak, strong)]
    assert worth[0] >= worth[1] >= worth[2]
    expected = CONFIG.clutter_score + CONFIG.clutter_spread * math.log(area_m2 / 1e5)
    excess = max(0.0, strong - max(expected, 0.0))
    assert worth[2] <= worth[0] - excess / CONFIG.clutter_spread + 1e-6
    if strong <= expected:
        assert worth[2] == worth[0]


@given(st.lists(st.floats(0.0, 20.0), min_size=2, max_size=8), AREAS_M2)
def test_places_of_one_surface_differ_by_the_worth_of_their_peaks(scores: list[float], area_m2: float) -> None:
    apart = np.diff(score_log_ratio(np.array(scores, np.float32), CONFIG))
    assert apart == pytest.approx(np.diff([peak_log_ratio(s, 0.0, area_m2, CONFIG) for s in scores]), abs=1e-3)


def test_what_is_less_alike_than_chance_is_no_worse_than_chance() -> None:
    assert len(set(score_log_ratio(np.array([-9.0, -0.1, 0.0], np.float32), CONFIG).tolist())) == 1


def test_odds_of_one_peak_are_those_of_frames_that_show_one() -> None:
    """Frames are simulated as the model tells them; of those with one peak, the share of true ones is what was said.

    True peaks under the least score count as missing, which is why the model is asked with that share taken off.
    """
    rng, area_m2, least, frames = np.random.default_rng(3), 2e4, 4.5, 400_000
    here = rng.random(frames) > CONFIG.elsewhere
    true = np.where(
        here & (rng.random(frames) < CONFIG.detection),
        rng.normal(CONFIG.true_score, CONFIG.true_spread, frames), -np.inf,
    )  # fmt: skip
    mean = area_m2 / 1e5 * math.exp((CONFIG.clutter_score - least) / CONFIG.clutter_spread)
    wrong = rng.poisson(mean, frames)
    score = np.where(true >= least, true, least + rng.exponential(CONFIG.clutter_spread, frames))
    alone = (true >= least).astype(int) + wrong == 1

    seen = math.erfc((least - CONFIG.true_score) / CONFIG.true_spread / math.sqrt(2)) / 2
    model = CONFIG.model_copy(update={"detection": CONFIG.detection * seen})
    log_prior = math.log((1.0 - CONFIG.elsewhere) / area_m2)
    for low in (5.0, 6.0, 7.0, 8.0):
        chosen = alone & (score >= low) & (score < low + 0.2)
        ratio = peak_log_ratio(low + 0.1, 0.0, area_m2, model) - math.log(seen)
        said = 1.0 / (1.0 + math.exp(-first_log_odds(ratio, log_prior, model)))
        assert chosen.sum() > 500
        assert (true[chosen] >= least).mean() == pytest.approx(said, abs=0.05)


@given(st.floats(-20.0, 20.0), st.floats(-20.0, 0.0))
def test_first_odds_are_prior_times_evidence_over_what_else_may_be(log_ratio: float, log_prior: float) -> None:
    missed, elsewhere = 1.0 - CONFIG.detection, CONFIG.elsewhere
    otherwise = elsewhere + (1.0 - elsewhere) * missed
    expected = math.exp(log_ratio) * math.exp(log_prior) / otherwise
    assert math.exp(first_log_odds(log_ratio, log_prior, CONFIG)) == pytest.approx(expected, rel=1e-9)


# --- densities --------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**31), st.integers(1, 4))
def test_the_density_is_the_normal_one(seed: int, size: int) -> None:
    cov, at = random_cov(seed, size), np.random.default_rng(seed + 1).normal(size=size) * 3.0
    density = math.exp(-0.5 * at @ np.linalg.inv(cov) @ at) / math.sqrt((2.0 * math.pi) ** size * np.linalg.det(cov))
    assert math.exp(log_density(at, cov)) == pytest.approx(density, rel=1e-6, abs=1e-300)


def test_the_density_adds_up_to_one() -> None:
    cov, step = np.array([[4.0, 1.5], [1.5, 2.0]]), 0.2
    places = np.arange(-14.0, 14.0, step)
    total = sum(math.exp(log_density(np.array([n, e]), cov)) for n in places for e in places) * step**2
    assert total == pytest.approx(1.0, abs=1e-4)


# --- the protection level ---------------------------------------------------------------------------------------------


@given(st.floats(0.1, 50.0), st.floats(1e-6, 0.4), st.floats(0.0, 20.0))
def test_a_round_error_has_the_quantile_of_chi_square(std_m: float, risk: float, surer: float) -> None:
    """With 2 degrees of freedom the squared size exceeds x with probability exp(-x / 2); a wrong place always does."""
    log_odds = math.log(1.0 / risk - 1.0) + 0.1 + surer
    radius_m = protection_m(np.eye(2) * std_m**2, log_odds, risk)
    assert radius_m is not None
    wrong = 1.0 / (1.0 + math.exp(log_odds))
    exceeded = wrong + (1.0 - wrong) * math.exp(-((radius_m / std_m) ** 2) / 2.0)
    assert risk * (1.0 - wrong) - 1e-12 <= exceeded <= risk * (1.0 + 1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("log_odds", "risk"), [(20.0, 0.02), (5.0, 0.02), (3.5, 0.05)])
def test_the_error_exceeds_it_no_more_often_than_was_said(seed: int, log_odds: float, risk: float) -> None:
    """Monte Carlo over normal errors and wrong places, which are always farther away."""
    rng, cov, count = np.random.default_rng(seed), random_cov(seed, 2), 200_000
    radius_m = protection_m(cov, log_odds, risk)
    assert radius_m is not None
    errors_m = np.linalg.norm(rng.multivariate_normal([0.0, 0.0], cov, count), axis=1)
    errors_m[rng.random(count) < 1.0 / (1.0 + math.exp(log_odds))] = np.inf
    exceeded = (errors_m > radius_m).mean()
    assert exceeded <= risk + 4.0 * math.sqrt(risk / count)
    assert exceeded > risk / 10.0, "of no use if it never is"


@given(st.integers(0, 2**31), st.floats(7.5, 20.0), st.floats(7.5, 20.0))
def test_surer_places_are_protected_by_smaller_circles(seed: int, a: float, b: float) -> None:
    cov, (low, high) = random_cov(seed, 2), sorted((a, b))
    wide, narrow = protection_m(cov, low, 1e-3), protection_m(cov, high, 1e-3)
    assert wide is not None
    assert narrow is not None
    assert narrow <= wide + 1e-9
    assert protection_m(4.0 * cov, low, 1e-3) == pytest.approx(2.0 * wide)


@settings(max_examples=50)
@given(st.floats(1e-6, 0.4))
def test_there_is_none_where_the_place_itself_is_not_sure_enough(risk: float) -> None:
    edge = math.log(1.0 / risk - 1.0)
    assert protection_m(np.eye(2), edge - 1e-6, risk) is None
    assert protection_m(np.eye(2), -20.0, risk) is None
    assert protection_m(np.eye(2), edge + 1e-3, risk) is not None
