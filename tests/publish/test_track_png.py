"""The picture of a flight: not judged for beauty here, but for being where and what it says."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.stats import chi2

from uavloc.errors import UavlocError
from uavloc.frames import LocalFrame
from uavloc.publish.mapview import LONG_SIDE_PX, round_length_m
from uavloc.publish.track_legend import DEAD_RECKONED, FALSE, FIX
from uavloc.publish.track_png import draw_track, ellipse95, false_positions, track_picture
from uavloc.types import Estimate, Fix, GeoPoint, Match, Outcome, Pixels, Truth

HERE = LocalFrame(-29.4, -51.9)
MATCH = Match((0.0, 0.0), np.eye(2), 0.0, 0.01, 0.0, 0.01, 9.0, 5.0, 4.0, (0, 0, 0))


def pixel_from_geo(lat_deg: float, lon_deg: float) -> tuple[float, float]:
    """A map of half a metre per pixel whose middle is `HERE`."""
    north_m, east_m = HERE.ne_from_geo(lat_deg, lon_deg)
    return 500.0 + 2.0 * east_m, 400.0 - 2.0 * north_m


def a_map() -> Pixels:
    return np.full((800, 1000, 3), 90, np.uint8)


def flight(fixed: bool = True, offset_m: float = 0.0) -> list[Estimate]:
    """Thirty seconds eastwards at 5 m/s."""
    found = []
    for i in range(30):
        point = GeoPoint(*HERE.geo_from_ne(offset_m, 5.0 * i))
        fix = Fix(i, point, np.eye(2), MATCH) if fixed else None
        outcome = Outcome.FIX if fixed else Outcome.GATED
        found.append(Estimate(i, str(i), outcome, point, np.diag([9.0, 25.0]), fix=fix))
    return found


def truth() -> list[Truth]:
    return [Truth(i, str(i), GeoPoint(*HERE.geo_from_ne(0.0, 5.0 * i))) for i in range(30)]


def has(picture: Pixels, color: tuple[int, int, int]) -> bool:
    """Whether a colour is in the map part of a picture."""
    return bool((picture[:, :-320] == color).all(axis=2).any())


def test_colours_say_how_a_position_was_found() -> None:
    fixed = track_picture(a_map(), pixel_from_geo, flight(fixed=True), [])
    reckoned = track_picture(a_map(), pixel_from_geo, flight(fixed=False), [])
    assert has(fixed, FIX)
    assert not has(fixed, DEAD_RECKONED)
    assert has(reckoned, DEAD_RECKONED)
    assert not has(reckoned, FIX)


def test_false_positions_are_marked() -> None:
    assert has(track_picture(a_map(), pixel_from_geo, flight(offset_m=60.0), truth()), FALSE)
    assert not has(track_picture(a_map(), pixel_from_geo, flight(offset_m=40.0), truth()), FALSE)


def test_false_positions_count() -> None:
    assert len(false_positions(flight(offset_m=50.01), truth())) == 30
    assert not false_positions(flight(offset_m=49.99), truth())


def test_file_is_a_picture(tmp_path: Path) -> None:
    draw_track(a_map(), pixel_from_geo, flight(), truth(), tmp_path / "track.png")
    picture = cv2.imread(str(tmp_path / "track.png"))
    assert picture is not None
    assert picture.shape[1] == LONG_SIDE_PX + 320
    assert [path.name for path in tmp_path.iterdir()] == ["track.png"]


@pytest.mark.parametrize(
    "estimates",
    [
        [],
        [Estimate(0, "a", Outcome.LOST)],
        [Estimate(0, "a", Outcome.FIX, GeoPoint(-29.4, -51.9))],
        [Estimate(0, "a", Outcome.FIX, GeoPoint(48.0, 11.0), np.eye(2))],
        [*flight()[:5], Estimate(9, "far", Outcome.FIX, GeoPoint(48.0, 11.0), np.zeros((2, 2)))],
    ],
    ids=["no_frames", "never_a_position", "one_position", "off_the_map", "one_outlier"],
)
def test_odd_flights_are_drawn(estimates: list[Estimate]) -> None:
    assert track_picture(a_map(), pixel_from_geo, estimates, []).shape[2] == 3


def test_unwritable(tmp_path: Path) -> None:
    with pytest.raises(UavlocError, match="cannot write"):
        draw_track(a_map(), pixel_from_geo, flight(), None, tmp_path / "nowhere" / "track.png")


def test_ellipse_holds_95_percent() -> None:
    cov = np.array([[30.0, 12.0], [12.0, 16.0]])
    around = np.array(
        [LocalFrame(48.0, 11.0).ne_from_geo(p.lat_deg, p.lon_deg) for p in ellipse95(GeoPoint(48, 11), cov)]
    )
    squared = np.einsum("ij,jk,ik->i", around, np.linalg.inv(cov), around)
    assert squared == pytest.approx(np.full(49, chi2.ppf(0.95, 2)), rel=1e-3)


@pytest.mark.parametrize(("longest", "length"), [(1.0, 1), (3.3, 2), (99.0, 50), (100.0, 100), (0.7, 0.5), (7e4, 5e4)])
def test_round_length(longest: float, length: float) -> None:
    assert round_length_m(longest) == pytest.approx(length)


def test_scale_bar_is_true() -> None:
    """The bar's feet are as far apart as the metres it names."""
    picture = track_picture(a_map(), pixel_from_geo, flight(), [])[:, :-320]
    row = picture[picture.shape[0] - 41]
    feet = np.flatnonzero((row >= 250).all(axis=1))
    view_scale = LONG_SIDE_PX / (2 * 5.0 * 29 + 2 * (0.12 * 2 * 5.0 * 29 + 80.0))
    length_m = (feet.max() - feet.min()) / (2.0 * view_scale)
    assert math.isclose(length_m, round_length_m(length_m * 1.02), rel_tol=0.02)
