"""Motion between frames: exact warps, faults, simulated flights with exact truth, and real flights."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.camera import CameraModel, load_camera
from uavloc.config import OdometryConfig
from uavloc.frames import LocalFrame, rotation_from_rpy, wrap_pi
from uavloc.logs import open_log
from uavloc.odometry import Motion, Raw, View, is_frozen, measure_motion
from uavloc.ortho import rectify, variants
from uavloc.sim import SUMMER, FlightSpec, WorldSpec, scene_from_world, simulate_flight
from uavloc.types import Attitude, Float, Frame, Height, Mask, Patch, Pixels

CONFIG = OdometryConfig()
SECOND = 1_000_000_000
MAX_SPEED_MPS = 60.0
MAX_OBLIQUE_RAD = math.radians(60.0)
WIDTH, HEIGHT = 400, 300
GSD_M = (0.5, 0.503)
NADIR_PX = (210.0, 140.0)


def rotated(angle: float) -> Float:
    """Turns (north, east) clockwise."""
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def ground(seed: int, side: int = 1200) -> Pixels:
    """Texture at all sizes, as ground has it."""
    rng = np.random.default_rng(seed)
    layers = (
        cv2.resize(rng.normal(size=(n, n)), (side, side), interpolation=cv2.INTER_CUBIC) for n in (20, 80, 200, 400)
    )
    return np.clip(120.0 + 22.0 * sum(layers), 0, 255).astype(np.uint8)


def seen(
    world: Pixels, turn: float = 0.0, log_scale: float = 0.0, shift_ne_m: tuple[float, float] = (0.0, 0.0),
    gsd_m: tuple[float, float] = GSD_M, noise: float = 2.0, grain: int = 1,
) -> Patch:  # fmt: skip
    """The patch of a vehicle `shift_ne_m` from the middle of a world, laid down with these errors of its pose.

    A place that the patch shows at g lies at shift + exp(log_scale) R(turn) g.
    """
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5 - NADIR_PX[0], np.arange(HEIGHT) + 0.5 - NADIR_PX[1])
    assumed = np.stack([-y * gsd_m[0], x * gsd_m[1]], axis=-1)
    north, east = np.moveaxis(assumed @ (math.exp(log_scale) * rotated(turn)).T + shift_ne_m, -1, 0)
    middle = world.shape[0] / 2 - 0.5
    at = (east / GSD_M[1] + middle).astype(np.float32), (middle - north / GSD_M[0]).astype(np.float32)
    picture = cv2.remap(world, *at, cv2.INTER_LINEAR).astype(np.float64)
    picture += np.random.default_rng(grain).normal(0.0, noise, picture.shape)
    mask: Mask = np.ones(picture.shape, np.bool_)
    return Patch(np.clip(np.rint(picture), 0, 255).astype(np.uint8), mask, gsd_m, NADIR_PX)


def measured(before: Patch, now: Patch, gap_s: float = 1.0, max_speed_mps: float = MAX_SPEED_MPS) -> Motion | None:
    return measure_motion(View(0, before), View(round(gap_s * SECOND), now), CONFIG, max_speed_mps)


def blurred(patch: Patch, sigma: float) -> Patch:
    return replace(patch, image=cv2.GaussianBlur(patch.image, (0, 0), sigma))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 3),
    turn=st.floats(-math.pi, math.pi),
    log_scale=st.floats(-0.25, 0.25),
    north=st.floats(-30.0, 30.0),
    east=st.floats(-35.0, 35.0),
)
def test_any_turn_growth_and_shift_is_found(
    seed: int, turn: float, log_scale: float, north: float, east: float
) -> None:
    world = ground(seed)
    motion = measured(seen(world), seen(world, turn, log_scale, (north, east), grain=2))
    assert motion is not None
    assert motion.displacement_ne_m == pytest.approx((north, east), abs=0.3)
    assert wrap_pi(motion.turn_rad - turn) == pytest.approx(0.0, abs=0.006)
    assert motion.log_scale == pytest.approx(log_scale, abs=0.006)
    assert np.linalg.eigvalsh(motion.cov).min() > 0.0


@pytest.mark.parametrize("turn", [(0.6, 0.1), (-2.0, -0.15), (3.1, 0.0)])
def test_the_signs_are_those_of_the_patch_variants(turn: tuple[float, float]) -> None:
    """Turned by what was measured about the point below the vehicle, the patch looks like the one before."""
    world = ground(5)
    before, now = seen(world), seen(world, *turn)
    motion = measured(before, now)
    assert motion is not None
    images, masks = variants(now, [(motion.turn_rad, motion.log_scale)], 1)
    both = masks[0] & before.mask
    assert np.corrcoef(images[0][both], before.image[both])[0, 1] > 0.95
    straight, _ = variants(now, [(0.0, 0.0)], 1)
    assert np.corrcoef(straight[0][both], before.image[both])[0, 1] < 0.5


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.5, 2.0])
def test_patches_of_other_map_levels_are_compared(factor: float) -> None:
    world = ground(6)
    coarse = (GSD_M[0] * factor, GSD_M[1] * factor)
    motion = measured(seen(world), seen(world, 0.4, 0.05, (6.0, -9.0), coarse))
    assert motion is not None
    assert motion.displacement_ne_m == pytest.approx((6.0, -9.0), abs=0.5)
    assert motion.turn_rad == pytest.approx(0.4, abs=0.01)


def test_the_covariance_grows_with_the_scatter() -> None:
    world = ground(7)
    clean = measured(seen(world), seen(world, 0.2, 0.0, (8.0, 3.0)))
    spoilt = measured(blurred(seen(world), 1.5), seen(world, 0.2, 0.0, (8.0, 3.0), noise=12.0))
    assert clean is not None
    assert spoilt is not None
    assert np.trace(spoilt.cov[2:, 2:]) > np.trace(clean.cov[2:, 2:])


@pytest.mark.parametrize("gap_s", [-1.0, 0.0, CONFIG.max_gap_s + 0.1])
def test_a_gap_that_is_no_gap_or_too_long_gives_nothing(gap_s: float) -> None:
    world = ground(8)
    assert measured(seen(world), seen(world, 0.1), gap_s) is None


def test_the_same_patch_again_gives_nothing() -> None:
    patch = seen(ground(8))
    assert measured(patch, replace(patch, image=patch.image.copy())) is None


def test_what_no_vehicle_flies_gives_nothing() -> None:
    world = ground(9)
    before, now = seen(world), seen(world, 0.0, 0.0, (20.0, 20.0))
    assert measured(before, now, 1.0, 30.0) is not None
    assert measured(before, now, 1.0, 25.0) is None
    assert measured(before, seen(world, 0.0, 0.5)) is None


@pytest.mark.parametrize("seed", range(6))
def test_another_place_gives_nothing(seed: int) -> None:
    assert measured(seen(ground(seed)), seen(ground(seed + 20), 0.3)) is None


@pytest.mark.parametrize("level", [0, 128, 255])
def test_nothing_to_see_gives_nothing(level: int) -> None:
    """Darkness, fog and glare: bare, and with the noise of a sensor on it."""
    world = np.full((1200, 1200), level, np.uint8)
    bare = seen(world, noise=0.0)
    assert measured(bare, seen(world, grain=2)) is None
    assert measured(seen(world), seen(world, grain=2)) is None
    image = bare.image.copy()
    image[0, 0] ^= 1
    assert measured(bare, replace(bare, image=image)) is None


def test_too_blurred_a_frame_gives_nothing() -> None:
    world = ground(10)
    before, now = seen(world), seen(world, 0.1, 0.0, (5.0, 5.0))
    assert measured(before, blurred(now, 1.0)) is not None
    assert measured(before, blurred(now, 12.0)) is None


def test_frames_that_hardly_overlap_give_nothing() -> None:
    world = ground(11)
    assert measured(seen(world), seen(world, 0.0, 0.0, (0.0, 185.0)), 5.0) is None


@pytest.mark.parametrize("seed", range(8))
def test_waves_give_nothing(seed: int) -> None:
    """Water: waves of all lengths, each at its own speed (deep water), one second apart."""
    assert measured(waves(seed, 0.0), waves(seed, 1.0)) is None


def waves(seed: int, t_s: float) -> Patch:
    """A wind sea as a picture: the sum of plane waves in the dispersion relation of deep water."""
    rng = np.random.default_rng(seed)
    number = 2.0 * math.pi / rng.uniform(1.5, 15.0, 150)
    direction = rng.normal(rng.uniform(0.0, 2.0 * math.pi), 0.6, 150)
    phase = rng.uniform(0.0, 2.0 * math.pi, 150)
    x, y = np.meshgrid(np.arange(WIDTH) * GSD_M[1], np.arange(HEIGHT) * GSD_M[0])
    height = np.zeros((HEIGHT, WIDTH))
    for k, way, start in zip(number, direction, phase, strict=True):
        height += np.sin(k * (math.cos(way) * x + math.sin(way) * y) - math.sqrt(9.81 * k) * t_s + start) / k
    picture = 90.0 + 25.0 * height / height.std() + rng.normal(0.0, 2.0, height.shape)
    return Patch(np.clip(picture, 0, 255).astype(np.uint8), np.ones(height.shape, np.bool_), GSD_M, NADIR_PX)


def with_gear(patch: Patch, turn: float, share: float) -> Patch:
    """A patch with something fixed to the aircraft over a share of it, laid down under the same wrong heading."""
    gear = seen(ground(99), turn, noise=2.0).image
    affine = cv2.getRotationMatrix2D((NADIR_PX[0] - 0.5, NADIR_PX[1] - 0.5), math.degrees(turn), 1.0)
    stencil = np.zeros(patch.mask.shape, np.uint8)
    stencil[:, : round(WIDTH * share)] = 1
    covered = cv2.warpAffine(stencil, affine, (WIDTH, HEIGHT), flags=cv2.INTER_NEAREST) > 0
    return replace(patch, image=np.where(covered, gear, patch.image))


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
@pytest.mark.parametrize("turn", [0.0, 0.25, -1.0])
def test_what_is_fixed_to_the_aircraft_does_not_win(turn: float, share: float) -> None:
    """The ground moves and the gear does not: the ground's motion, or from where much is covered none, never rest."""
    world = ground(12)
    before, now = with_gear(seen(world), 0.0, share), with_gear(seen(world, turn, 0.0, (9.0, -6.0)), turn, share)
    motion = measured(before, now)
    if motion is None:
        assert share >= 0.4
    else:
        assert motion.displacement_ne_m == pytest.approx((9.0, -6.0), abs=0.5)


def test_what_the_mask_hides_has_no_influence() -> None:
    world, other = ground(13), ground(14)
    before, now = seen(world), seen(world, 0.3, 0.0, (4.0, 7.0))
    hidden = np.zeros(before.mask.shape, np.bool_)
    hidden[:, : WIDTH // 2] = True
    still = seen(other).image
    masked = [replace(p, image=np.where(hidden, still, p.image), mask=~hidden) for p in (before, now)]
    motion = measured(masked[0], masked[1])
    assert motion is not None
    assert motion.displacement_ne_m == pytest.approx((4.0, 7.0), abs=0.3)
    assert measured(masked[0], replace(masked[1], mask=np.zeros_like(hidden))) is None


def recompressed(image: Pixels, quality: int) -> Pixels:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0), np.uint8)


def stuck(before: Pixels, now: Pixels) -> bool:
    return is_frozen(Raw(before), Raw(now))


@pytest.mark.parametrize("quality", [60, 80, 95])
def test_a_stuck_camera_is_known_even_through_compression(quality: int) -> None:
    image = seen(ground(15)).image
    assert stuck(image, image.copy())
    assert stuck(image, recompressed(image, quality))
    assert stuck(np.dstack([image] * 3), np.dstack([image] * 3))


def test_a_live_camera_is_not_stuck() -> None:
    world = ground(15)
    image = seen(world).image
    assert not stuck(image, seen(world, 0.0, 0.0, (0.3, 0.2)).image)
    assert not stuck(image, seen(world, 0.02).image)
    assert not stuck(image, image[:-2])
    plain = np.full_like(image, 90)
    assert stuck(plain, plain.copy())
    assert not stuck(plain, plain + 1)
    dark = [np.random.default_rng(i).integers(0, 3, image.shape).astype(np.uint8) for i in (0, 1)]
    assert not stuck(dark[0], dark[1])


# --- flights


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[View], list[dict[str, float]]]:
    """Views of a flight with exact truth; heading and height are laid down as the sensors have them, tilt as it was."""
    folder = tmp_path_factory.mktemp("simulated")
    scene = scene_from_world(WorldSpec(seed=21, size_m=420, gsd_m=0.4), SUMMER)
    simulate_flight(scene, FlightSpec(seed=3, agl_m=(80.0, 110.0), speed_mps=10.0, max_frames=32), folder)
    camera = load_camera(folder / "camera.json")
    sensors, truth = numbers(folder / "sensors.csv"), numbers(folder / "truth.csv")
    origin = LocalFrame(truth[0]["lat_deg"], truth[0]["lon_deg"])
    views, poses = [], []
    for k, (said, true) in enumerate(zip(sensors, truth, strict=True)):
        image = np.asarray(
            cv2.imread(str(next((folder / "frames").glob(f"{k:05d}.*"))), cv2.IMREAD_GRAYSCALE), np.uint8
        )
        roll, pitch, heading = (math.radians(a) for a in (true["roll_deg"], true["pitch_deg"], said["heading_deg"]))
        views.append(view(round(k * SECOND), image, camera, rotation_from_rpy(roll, pitch, heading), said["agl_m"]))
        north, east = origin.ne_from_geo(true["lat_deg"], true["lon_deg"])
        wrong_rad = wrap_pi(math.radians(true["heading_deg"]) - heading)
        wrong_log = math.log(true["agl_m"] / said["agl_m"])
        poses.append({"north": north, "east": east, "turn": wrong_rad, "log_scale": wrong_log})
    return views, poses


def numbers(path: Path) -> list[dict[str, float]]:
    with path.open(encoding="utf-8") as file:
        return [
            {key: float(value) for key, value in row.items() if key not in ("frame", "terrain")}
            for row in csv.DictReader(file)
        ]


def view(t_ns: int, image: Pixels, camera: CameraModel, ned_from_body: Float, agl_m: float) -> View:
    patch = rectify(image, camera, ned_from_body, agl_m, (0.5, 0.5), MAX_OBLIQUE_RAD, 640)
    assert patch is not None
    return View(t_ns, patch)


def errors(motions: list[Motion | None], poses: list[dict[str, float]]) -> Iterator[tuple[Float, Motion]]:
    """Measured minus true (north, east, turn, log scale), in the axes of the previous patch."""
    for motion, a, b in zip(motions, poses, poses[1:], strict=False):
        if motion is not None:
            moved = np.array([b["north"] - a["north"], b["east"] - a["east"]])
            expected = rotated(-a["turn"]) @ moved / math.exp(a["log_scale"])
            turn = wrap_pi(motion.turn_rad - (b["turn"] - a["turn"]))
            scale = motion.log_scale - (b["log_scale"] - a["log_scale"])
            yield np.array([*(np.array(motion.displacement_ne_m) - expected), turn, scale]), motion


def in_turn(views: list[View]) -> list[Motion | None]:
    return [measure_motion(a, b, CONFIG, MAX_SPEED_MPS) for a, b in itertools.pairwise(views)]


def chained(motions: list[Motion], turn: float = 0.0, log_scale: float = 0.0) -> tuple[Float, float, float]:
    """Displacement of a chain in the axes of its first patch turned and scaled so, then turn and log scale."""
    at = np.zeros(2)
    for motion in motions:
        at = at + math.exp(log_scale) * rotated(turn) @ motion.displacement_ne_m
        turn, log_scale = turn + motion.turn_rad, log_scale + motion.log_scale
    return at, turn, log_scale


def test_the_covariance_is_honest_on_a_simulated_flight(
    simulated: tuple[list[View], list[dict[str, float]]],
) -> None:
    views, poses = simulated
    found = list(errors(in_turn(views), poses))
    assert len(found) >= 0.95 * (len(views) - 1)
    nis = np.array([error @ np.linalg.solve(motion.cov, error) for error, motion in found])
    assert 0.3 < nis.mean() < 8.0
    shift = np.array([error[:2] for error, _ in found])
    assert np.sqrt(np.square(shift).sum(axis=1).mean()) < 0.06 * 10.0


def test_a_simulated_flight_drifts_little(simulated: tuple[list[View], list[dict[str, float]]]) -> None:
    views, poses = simulated
    motions = [motion for motion in in_turn(views[:21]) if motion is not None]
    assert len(motions) == 20
    at, turn, _ = chained(motions, poses[0]["turn"], poses[0]["log_scale"])
    flown = np.array([poses[20]["north"], poses[20]["east"]])
    assert np.hypot(*(at - flown)) < 0.06 * 200.0
    assert abs(wrap_pi(turn - poses[20]["turn"])) < math.radians(4.0)


def real_views(folder: Path, first: int, count: int) -> list[View]:
    """Views of a real flight under the heading and height of its sensors."""
    camera = load_camera(folder / "camera.json")
    views: list[View] = []
    attitude, height, index = np.eye(3), 100.0, -1
    for event in open_log(folder, (camera.width_px, camera.height_px)).events():
        if isinstance(event, Attitude):
            attitude = event.ned_from_body
        elif isinstance(event, Height):
            height = event.agl_m
        elif isinstance(event, Frame) and (index := index + 1) >= first:
            assert event.image is not None
            views.append(view(event.t_ns, event.image, camera, attitude, height))
            if len(views) == count:
                break
    return views


@pytest.mark.parametrize(
    ("flight", "first", "step"),
    [("adm/flight1", 40, 1), ("adm/flight2", 40, 1), ("adm/flight1", 200, 2), ("ariel_oblique", 120, 1)],
)
def test_real_motions_agree_with_each_other(data_dir: Path, flight: str, first: int, step: int) -> None:
    """Two steps make the same motion as one over both: no truth is needed, and no error is shared but of relief."""
    views = real_views(data_dir / flight, first, 14 * step)[::step]
    compared = 0
    for a, b, c in zip(views, views[1:], views[2:], strict=False):
        there, on = measure_motion(a, b, CONFIG, MAX_SPEED_MPS), measure_motion(b, c, CONFIG, MAX_SPEED_MPS)
        whole = measure_motion(a, c, CONFIG, MAX_SPEED_MPS)
        if there is None or on is None or whole is None:
            continue
        compared += 1
        at, turn, log_scale = chained([there, on])
        std_m = math.sqrt(float(np.trace(there.cov[:2, :2] + on.cov[:2, :2] + whole.cov[:2, :2])))
        assert np.hypot(*(at - whole.displacement_ne_m)) < 3.0 * std_m
        assert abs(wrap_pi(turn - whole.turn_rad)) < math.radians(3.0)
        assert abs(log_scale - whole.log_scale) < 0.05
    assert compared >= 9


def test_a_real_flight_drifts_little(data_dir: Path) -> None:
    """Against registration truth that is noisy itself by a metre or two."""
    folder, first, steps = data_dir / "adm" / "flight1", 20, 40
    views, truth = real_views(folder, first, steps + 1), numbers(folder / "truth.csv")[first : first + steps + 1]
    motions = [motion for motion in in_turn(views) if motion is not None]
    assert len(motions) == steps
    at, _, _ = chained(motions, *first_errors(folder, first, truth[0]))
    origin = LocalFrame(truth[0]["lat_deg"], truth[0]["lon_deg"])
    track = np.array([origin.ne_from_geo(row["lat_deg"], row["lon_deg"]) for row in truth])
    length_m = float(np.hypot(*np.diff(track, axis=0).T).sum())
    assert np.hypot(*(at - track[-1])) < 0.08 * length_m + 2.0


def first_errors(folder: Path, index: int, truth: dict[str, float]) -> tuple[float, float]:
    """Turn and log scale by which the sensors of a frame are wrong."""
    said = numbers(folder / "sensors.csv")[index]
    camera = load_camera(folder / "camera.json")
    true_agl_m = truth["ground_width_m"] * camera.fx_px / camera.width_px
    turn = wrap_pi(math.radians(truth["heading_deg"] - said["heading_deg"]))
    return turn, math.log(true_agl_m / said["agl_m"])


def test_no_real_frame_is_taken_for_a_stuck_camera(data_dir: Path) -> None:
    """Hovering flights included."""
    for flight in ("adm/flight1", "adm/flight2", "ariel_oblique"):
        paths = sorted((data_dir / flight / "frames").iterdir())[85:106]
        frames = [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8) for path in paths]
        assert not any(stuck(a, b) for a, b in itertools.pairwise(frames))
        assert all(stuck(frame, recompressed(frame, 80)) for frame in frames[::5])
