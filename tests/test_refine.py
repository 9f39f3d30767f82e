"""The refiner may move a match a little towards the truth; it never makes one and never follows nonsense."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.bench.excerpt import Excerpt
from uavloc.bench.sets import Map, load_flight, load_map
from uavloc.bench.singleframe import error_m, flight_camera
from uavloc.build import build_cache
from uavloc.config import Config, RefineConfig
from uavloc.encode import load_engine
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.refine import Refinement, align, fitted, refine, sharpened
from uavloc.region import parse_region
from uavloc.run import replay
from uavloc.tiles import TileCache
from uavloc.types import Estimate, GeoPoint, MapImage, Match, Patch, Start

CONFIG = RefineConfig(enabled=True)
ORB = RefineConfig(enabled=True, features="orb")
WIDE = np.diag([9.0, 9.0])
GSD = (0.5, 0.5)
MARGIN = 40
REGION = "-51.9462,-29.4024,-51.9411,-29.3984"


def ground(seed: int, height: int = 300, width: int = 400) -> np.ndarray:
    """Grey blobs and boxes of many sizes, with corners to hold on to."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width), 120, np.uint8)
    for _ in range(260):
        x, y = rng.integers(0, (width, height))
        w, h = rng.integers(4, 26, 2)
        cv2.rectangle(image, (int(x), int(y)), (int(x + w), int(y + h)), int(rng.integers(20, 240)), -1)
    return cv2.GaussianBlur(image, (0, 0), 0.8)


def cut(image: np.ndarray, shift: tuple[float, float], turn_deg: float = 0.0, scale: float = 1.0) -> Patch:
    """A patch whose nadir, its middle, lies `shift` (x, y) pixels off the middle of the picture."""
    height, width = image.shape[0] - 2 * MARGIN, image.shape[1] - 2 * MARGIN
    c, s = math.cos(math.radians(turn_deg)) * scale, math.sin(math.radians(turn_deg)) * scale
    linear = np.array([[c, -s], [s, c]])
    middle = np.array([width, height]) / 2.0 - 0.5
    there = np.array([image.shape[1], image.shape[0]]) / 2.0 - 0.5 + shift
    affine = np.column_stack([linear, there - linear @ middle])
    laid = cv2.warpAffine(image, affine, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return Patch(laid, np.ones(laid.shape, np.bool_), GSD, (width / 2.0, height / 2.0))


def picture(image: np.ndarray) -> MapImage:
    return MapImage(np.repeat(image[:, :, None], 3, axis=2), np.ones(image.shape, np.bool_))


def match(std_m: float, offset: tuple[float, float] = (0.0, 0.0)) -> Match:
    return Match(offset, np.eye(2) * std_m**2, 0.0, 0.02, 0.0, 0.02, 8.0, 5.0, 20.0, (0, 0, 0))


@pytest.mark.parametrize("config", [CONFIG, ORB])
@pytest.mark.parametrize(
    ("shift", "turn_deg", "scale"), [((0, 0), 0, 1), ((5.3, -7.8), 2, 1.03), ((-9, 4.5), -4, 0.97)]
)
def test_a_crop_of_the_map_is_put_where_it_was_cut(shift, turn_deg, scale, config) -> None:
    image = ground(3)
    found = refine(cut(image, shift, turn_deg, scale), picture(image), (MARGIN, MARGIN), WIDE, config)
    assert found is not None
    expected = (-shift[1] * GSD[0], shift[0] * GSD[1])
    assert found.offset_ne_m == pytest.approx(expected, abs=0.15)
    assert found.inliers >= config.min_inliers


def test_its_covariance_is_that_of_its_errors() -> None:
    squared = []
    for seed in range(12):
        image = ground(seed)
        noisy = np.clip(image + np.random.default_rng(seed).normal(0, 12, image.shape), 0, 255).astype(np.uint8)
        found = refine(cut(noisy, (3.4, -2.7)), picture(image), (MARGIN, MARGIN), WIDE, CONFIG)
        assert found is not None
        error = np.array(found.offset_ne_m) - (2.7 * GSD[0], 3.4 * GSD[1])
        squared.append(error @ np.linalg.solve(found.cov_ne_m2, error))
    assert np.mean(squared) < 2.0 * 1.5


def test_a_move_that_the_match_does_not_allow_is_refused() -> None:
    image = ground(5)
    patch = cut(image, (16.0, 0.0))
    assert refine(patch, picture(image), (MARGIN, MARGIN), np.eye(2) * 9.0, CONFIG) is not None
    assert refine(patch, picture(image), (MARGIN, MARGIN), np.eye(2) * 1.0, CONFIG) is None


@pytest.mark.parametrize(("turn_deg", "scale"), [(14.0, 1.0), (-14.0, 1.0), (0.0, 1.35), (0.0, 0.72)])
def test_another_heading_or_scale_than_the_match_is_refused(turn_deg: float, scale: float) -> None:
    image = ground(6)
    assert refine(cut(image, (0, 0), turn_deg, scale), picture(image), (MARGIN, MARGIN), WIDE, CONFIG) is None


def test_a_mirrored_or_sheared_map_is_refused() -> None:
    image = ground(7)
    height, width = image.shape
    patch = cut(image, (0, 0))
    assert refine(patch, picture(image[:, ::-1].copy()), (MARGIN, MARGIN), WIDE, CONFIG) is None
    shear = np.array([[1.0, 0.3, -0.15 * height], [0.0, 1.0, 0.0]])
    sheared = cv2.warpAffine(image, shear, (width, height), borderMode=cv2.BORDER_REFLECT)
    assert refine(patch, picture(sheared), (MARGIN, MARGIN), WIDE, CONFIG) is None


def test_features_in_one_corner_are_no_witness() -> None:
    image = np.full((300, 400), 120, np.uint8)
    image[60:100, 60:100] = ground(8, 40, 40)
    assert refine(cut(image, (0, 0)), picture(image), (MARGIN, MARGIN), WIDE, CONFIG) is None


@pytest.mark.parametrize("config", [CONFIG, ORB])
@pytest.mark.parametrize("seed", range(4))
def test_other_ground_says_nothing(seed: int, config: RefineConfig) -> None:
    assert refine(cut(ground(seed), (0, 0)), picture(ground(seed + 100)), (MARGIN, MARGIN), WIDE, config) is None


@pytest.mark.parametrize("config", [CONFIG, ORB])
@pytest.mark.parametrize("fill", ["black", "noise", "stripes", "one corner", "masked"])
def test_poor_pictures_say_nothing(fill: str, config: RefineConfig) -> None:
    image = np.zeros((300, 400), np.uint8)
    if fill == "noise":
        image = np.random.default_rng(1).integers(0, 256, image.shape, np.uint8)
    elif fill == "stripes":
        image[:, ::8] = 255
    elif fill == "one corner":
        image[150:, 200:] = 255
    patch, window = cut(image, (0, 0)), picture(ground(2))
    if fill == "masked":
        patch = cut(ground(2), (0, 0))
        patch.mask[:] = False
    assert refine(patch, window, (MARGIN, MARGIN), WIDE, config) is None


def test_what_the_masks_hide_has_no_say() -> None:
    image = ground(9)
    spoiled = image.copy()
    spoiled[:, 200:] = ground(10)[:, 200:]
    window = picture(spoiled)
    window.mask[:, 200:] = False
    found = refine(cut(image, (2.0, 3.0)), window, (MARGIN, MARGIN), WIDE, CONFIG)
    assert found is not None
    assert found.offset_ne_m == pytest.approx((-1.5, 1.0), abs=0.15)


@given(
    turn_rad=st.floats(-3.1, 3.1),
    scale=st.floats(0.5, 2.0),
    shift=st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)),
    seed=st.integers(0, 1000),
)
def test_the_fit_undoes_any_similarity(turn_rad: float, scale: float, shift: tuple[float, float], seed: int) -> None:
    points = np.random.default_rng(seed).uniform(0, 300, (20, 2))
    c, s = scale * math.cos(turn_rad), scale * math.sin(turn_rad)
    there = points @ np.array([[c, -s], [s, c]]).T + shift
    found = fitted(points, there)
    assert found.scale == pytest.approx(scale)
    assert found.turn_rad == pytest.approx(turn_rad, abs=1e-9)
    assert found.place((12.0, 34.0)) == pytest.approx((c * 12 - s * 34 + shift[0], s * 12 + c * 34 + shift[1]))
    assert found.residual_px < 1e-6


def test_the_uncertainty_of_a_fit_is_the_scatter_of_its_repetitions() -> None:
    rng = np.random.default_rng(1)
    points, far = rng.uniform(0, 100, (30, 2)), (400.0, -100.0)
    places, claims = [], []
    for _ in range(400):
        found = fitted(points, points + rng.normal(0, 3.0, points.shape))
        places.append(found.place(far))
        claims.append(found.std_px(far))
    assert np.std(places, axis=0) == pytest.approx(np.full(2, np.median(claims)), rel=0.15)


@settings(max_examples=50)
@given(
    north=st.floats(-5, 5),
    east=st.floats(-5, 5),
    std=st.floats(0.1, 3.0),
    own=st.floats(0.1, 5.0),
    map_std=st.floats(0, 2),
)
def test_a_sharpened_match_lies_between_and_is_surer(
    north: float, east: float, std: float, own: float, map_std: float
) -> None:
    before = match(math.hypot(own, map_std), (1.0, 2.0))
    after = sharpened(before, Refinement((north, east), np.eye(2) * std**2, 30), map_std)
    share = own**2 / (own**2 + std**2)
    assert after.offset_ne_m == pytest.approx((1.0 + share * north, 2.0 + share * east), abs=1e-6)
    assert np.linalg.eigvalsh(before.cov_ne_m2 - after.cov_ne_m2).min() >= -1e-9
    assert np.linalg.eigvalsh(after.cov_ne_m2).min() >= map_std**2 - 1e-9
    assert (after.score, after.margin, after.heading_rad) == (before.score, before.margin, before.heading_rad)


def test_turned_pictures_align_without_bias_where_any_turn_is_allowed() -> None:
    image = ground(11)
    everything = np.ones(image.shape, np.bool_)
    turned = np.ascontiguousarray(image[::-1, ::-1])
    found = align(turned, everything, image, everything, RefineConfig(max_turn_deg=180.0))
    assert found is not None
    assert abs(found.turn_rad) == pytest.approx(math.pi, abs=0.01)
    assert found.place((10.0, 20.0)) == pytest.approx((390.0, 280.0), abs=0.15)


@pytest.mark.real_data
def test_real_ground_is_put_where_it_was_cut_and_another_date_moves_it_little(data_dir: Path) -> None:
    maps = [cv2.imread(str(data_dir / "adm" / f"map_2014-0{month}.jpg"), cv2.IMREAD_GRAYSCALE) for month in (1, 3)]
    sharp, later = (cv2.resize(image[1400:3000, 2000:3800], None, fx=0.5, fy=0.5, interpolation=3) for image in maps)
    dim = np.clip(0.7 * sharp + np.random.default_rng(1).normal(0, 6, sharp.shape), 0, 255).astype(np.uint8)
    apart = []
    for y in range(0, 500, 160):
        for x in range(0, 500, 160):
            part = np.s_[y : y + 300, x : x + 400]
            found = refine(cut(dim[part], (3.0, -2.0)), picture(sharp[part]), (MARGIN, MARGIN), WIDE, CONFIG)
            assert found is not None
            assert found.offset_ne_m == pytest.approx((1.0, 1.5), abs=0.15)
            across = refine(cut(sharp[part], (0.0, 0.0)), picture(later[part]), (MARGIN, MARGIN), WIDE, CONFIG)
            apart += [across.offset_ne_m] if across else []
    assert all(math.hypot(*offset) < 4.0 for offset in apart)


# in flight


def both_ways(cache: TileCache, folder: Path, most: int) -> list[tuple[Estimate, Estimate, GeoPoint]]:
    """The first frames of a flight that are fixes without the refiner and with it, and where they were."""
    flight, encoder = load_flight(folder), load_engine(Config().engine.name, 1)
    camera, start = flight_camera(flight), Start(flight.truth[0].point, 15.0)
    truth = {row.name: row.point for row in flight.truth}

    def flown_with(config: Config) -> list[Estimate]:
        log = Excerpt(open_log(folder, (camera.width_px, camera.height_px)), 1, most)
        return replay(log, Localizer(cache, encoder, camera, config, start), [], lambda done, total: None)

    plain, refining = flown_with(Config()), flown_with(Config().model_copy(update={"refine": CONFIG}))
    assert [one.outcome for one in plain] == [one.outcome for one in refining]
    both = zip(plain, refining, strict=True)
    return [(one, other, truth[one.name]) for one, other in both if one.fix is not None]


def cached(place: Map, region: str, out: Path) -> TileCache:
    encoder = load_engine(Config().engine.name, 1)
    build_cache(parse_region(region, [place.source.bounds]), [place.source], encoder, out)
    return TileCache.open(out, encoder)


@pytest.fixture(scope="module")
def same_picture(flown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flight over the very picture that the cache is made of."""
    from program import works

    log = tmp_path_factory.mktemp("same") / "log"
    way = ("--agl-m", 85, "--speed-mps", 10, "--frames", 24, "--seed", 3, "--width-px", 320, "--height-px", 240)
    works("sim", "flight", flown.map, "--out", log, *way)
    return log


def test_over_the_same_picture_it_sharpens(flown, same_picture: Path) -> None:
    with TileCache.open(flown.cache, load_engine(Config().engine.name, 1)) as cache:
        found = both_ways(cache, same_picture, most=8)
    assert len(found) >= 4
    assert all(
        np.trace(refined.fix.match.cov_ne_m2) < np.trace(plain.fix.match.cov_ne_m2) for plain, refined, _ in found
    )
    plain = [error_m(before.fix.point, truth) for before, _, truth in found]
    refined = [error_m(after.fix.point, truth) for _, after, truth in found]
    assert np.median(refined) <= np.median(plain) + 0.2
    assert max(refined) < 5.0


@pytest.mark.real_data
def test_on_a_real_flight_it_does_no_harm(data_dir: Path, tmp_path: Path) -> None:
    adm = data_dir / "adm"
    with cached(load_map(adm / "map_2014-03.jpg"), REGION, tmp_path / "c.mbtiles") as cache:
        found = both_ways(cache, adm / "flight1", most=24)
    assert len(found) >= 4
    for plain, refined, truth in found:
        assert error_m(refined.fix.point, truth) < max(5.0, error_m(plain.fix.point, truth) + 1.0)
