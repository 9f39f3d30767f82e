from __future__ import annotations

import csv
import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pyproj import Geod

from uavloc.camera import MOUNT_FROM_CAM, load_camera
from uavloc.errors import InputError, UsageError
from uavloc.frames import rotation_from_rpy
from uavloc.sim import (
    Air,
    Faults,
    FlightSpec,
    Optics,
    Scene,
    Sensors,
    WorldSpec,
    default_camera,
    load_world,
    scene_from_image,
    simulate_flight,
    simulate_world,
)
from uavloc.sim.flight import image_shift_px, plan_motion
from uavloc.sim.motion import Motion
from uavloc.sim.optics import motion_blurred
from uavloc.sim.path import pattern_points, round_turns, turn_radius_m
from uavloc.sim.sensors import read_sensors
from uavloc.types import GeoPoint

SHORT = FlightSpec(seed=2, pattern="eight", agl_m=(60.0,), speed_mps=9.0, max_frames=5, camera=default_camera(320, 240))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def picture(folder: Path, index: int) -> np.ndarray:
    image = cv2.imread(str(folder / "frames" / f"{index:05d}.jpg"))
    assert image is not None
    return image.astype(int)


@pytest.fixture(scope="module")
def flown(summer: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flight")
    calls: list[tuple[int, int]] = []
    assert simulate_flight(summer, SHORT, folder, lambda done, total: calls.append((done, total))) == 5
    assert calls == [(k, 5) for k in range(1, 6)]
    return folder


def test_the_folder_follows_the_contract(flown: Path) -> None:
    sensors, truth = rows(flown / "sensors.csv"), rows(flown / "truth.csv")
    wanted = ["frame", "t_s", "heading_deg", "heading_std_deg", "roll_deg", "pitch_deg", "agl_m", "agl_std_m"]
    wanted += ["vel_n_mps", "vel_e_mps"]
    assert list(sensors[0]) == wanted
    assert list(truth[0])[:4] == ["frame", "t_s", "lat_deg", "lon_deg"]
    assert [row["frame"] for row in sensors] == [row["frame"] for row in truth]
    assert [float(row["t_s"]) for row in sensors] == [0, 1, 2, 3, 4]
    assert sorted(p.stem for p in (flown / "frames").iterdir()) == [row["frame"] for row in sensors]
    assert picture(flown, 0).shape == (240, 320, 3)


def test_the_camera_file_gives_the_camera_back(flown: Path) -> None:
    camera = load_camera(flown / "camera.json")
    assert camera.matrix == pytest.approx(SHORT.camera.matrix)
    assert camera.distortion == SHORT.camera.distortion
    assert camera.body_from_cam == pytest.approx(SHORT.camera.body_from_cam)
    assert camera.lever_body_m == SHORT.camera.lever_body_m


@pytest.mark.parametrize("rpy", [(0, -45, 0), (5, -60, 20), (0, -90, 90), (0, -90, -30)])
def test_any_mount_survives_the_camera_file(summer: Scene, tmp_path: Path, rpy: tuple[float, float, float]) -> None:
    mount = rotation_from_rpy(*(math.radians(a) for a in rpy)) @ MOUNT_FROM_CAM
    camera = replace(SHORT.camera, body_from_cam=mount)
    simulate_flight(summer, replace(SHORT, camera=camera, max_frames=1), tmp_path)
    assert load_camera(tmp_path / "camera.json").body_from_cam == pytest.approx(mount, abs=1e-9)


def test_the_same_seed_flies_the_same_flight(summer: Scene, flown: Path, tmp_path: Path) -> None:
    simulate_flight(summer, SHORT, tmp_path)
    for name in ("sensors.csv", "truth.csv", "camera.json", "frames/00003.jpg"):
        assert (tmp_path / name).read_bytes() == (flown / name).read_bytes()


def test_another_seed_flies_another_flight(summer: Scene, flown: Path, tmp_path: Path) -> None:
    simulate_flight(summer, replace(SHORT, seed=9), tmp_path)
    assert (tmp_path / "sensors.csv").read_bytes() != (flown / "sensors.csv").read_bytes()


def test_the_vehicle_moves_at_its_speed(flown: Path) -> None:
    truth = rows(flown / "truth.csv")
    geod = Geod(ellps="WGS84")
    for a, b in itertools.pairwise(truth):
        step = geod.inv(float(a["lon_deg"]), float(a["lat_deg"]), float(b["lon_deg"]), float(b["lat_deg"]))[2]
        assert step == pytest.approx(9.0, rel=0.03)


def test_the_middle_of_a_level_picture_shows_the_ground_at_the_true_position(summer: Scene, tmp_path: Path) -> None:
    calm = Air(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    camera = replace(default_camera(), lever_body_m=(0.0, 0.0, 0.0), cx_px=320.0, cy_px=240.0)
    still = Optics(vignetting=0.0, read_noise=0.0, shot_noise=0.0, haze=0.0, gain_drift=0.0)
    a = summer.georef.geo_from_px(300, 300)
    b = summer.georef.geo_from_px(300, 650)
    spec = FlightSpec(waypoints=(GeoPoint(*b), GeoPoint(*a)), agl_m=(80.0,), camera=camera, air=calm, optics=still)
    simulate_flight(summer, replace(spec, max_frames=3), tmp_path)
    truth = rows(tmp_path / "truth.csv")[2]
    x, y = summer.georef.px_from_geo(float(truth["lat_deg"]), float(truth["lon_deg"]))
    scale = 80.0 / camera.fx_px / summer.gsd_m
    half = 60
    grid = np.arange(-half, half, dtype=np.float32)
    columns, lines = np.meshgrid(grid * scale + x - 0.5, grid * scale + y - 0.5)
    wanted = cv2.remap(summer.rgb, columns.astype(np.float32), lines.astype(np.float32), cv2.INTER_LINEAR).mean(2)
    seen = picture(tmp_path, 2)[240 - half : 240 + half, 320 - half : 320 + half].mean(2)
    wanted, seen = (cv2.GaussianBlur(p, (0, 0), 1.5) for p in (wanted, seen))
    shift, _ = cv2.phaseCorrelate(wanted - wanted.mean(), seen - seen.mean())
    assert math.hypot(*shift) < 1.5


def test_sensor_errors_have_the_stated_size() -> None:
    line = np.column_stack([np.linspace(0, 6000, 6001), np.zeros(6001)])
    motion = Motion(line, 10.0, (100.0,), Air(), 1)
    poses = [motion.at(float(t)) for t in range(600)]
    noise_only = Sensors(0.0, 0.0, 0.8, 0.5, 0.0, 0.0, 1.5, True, 0.3)
    readings = read_sensors(poses, 1.0, noise_only, 4)
    pairs = list(zip(readings, poses, strict=True))
    heading = [math.remainder(r.heading_deg - math.degrees(p.heading_rad), 360) for r, p in pairs]
    assert np.std(heading) == pytest.approx(0.8, rel=0.12)
    assert np.std([r.agl_m - p.agl_m for r, p in pairs]) == pytest.approx(1.5, rel=0.12)
    assert np.std([r.roll_deg - math.degrees(p.roll_rad) for r, p in pairs]) == pytest.approx(0.5, rel=0.12)
    assert readings[0].heading_std_deg == pytest.approx(0.8)


def test_biases_differ_between_flights_with_the_stated_deviation() -> None:
    motion = Motion(np.array([[0.0, 0.0], [50.0, 0.0]]), 10.0, (100.0,), Air(0, 0, 0, 0, 0, 0), 1)
    bias_only = Sensors(3.0, 0.0, 0.0, 0.0, 0.03, 0.0, 0.0, False)
    pose = motion.at(1.0)
    readings = [read_sensors([pose], 1.0, bias_only, seed)[0] for seed in range(300)]
    assert np.std([math.remainder(r.heading_deg, 360) for r in readings]) == pytest.approx(3.0, rel=0.15)
    assert np.std([r.agl_m / pose.agl_m for r in readings]) == pytest.approx(0.03, rel=0.15)
    assert all(r.vel_ne_mps is None for r in readings)


def test_turns_are_banked_into_the_curve_and_wind_makes_crab() -> None:
    radius = turn_radius_m(14.0)
    line = round_turns(np.array([[0.0, 0.0], [600.0, 0.0], [600.0, 600.0]]), radius, 1.0)
    motion = Motion(line, 14.0, (100.0,), Air(0.0, 0.0, 0.0, 0.0, 0.0), 1)
    rolls = [motion.at(float(t)).roll_rad for t in range(int(motion.duration_s))]
    assert math.degrees(max(rolls)) == pytest.approx(24.0, abs=3.0)
    assert min(rolls) > -0.05
    crabbed = Motion(line, 14.0, (100.0,), Air(5.0, 270.0, 0.0, 0.0, 0.0), 1).at(5.0)
    assert math.degrees(crabbed.heading_rad) == pytest.approx(-math.degrees(math.asin(5 / 14)), abs=0.5)


def test_height_follows_its_profile() -> None:
    line = np.array([[0.0, 0.0], [1400.0, 0.0]])
    motion = Motion(line, 14.0, (60.0, 120.0), Air(), 3)
    assert motion.at(3.0).agl_m == pytest.approx(62.0, abs=4)
    assert motion.at(50.0).agl_m == pytest.approx(90.0, abs=4)
    assert motion.at(97.0).agl_m == pytest.approx(118.0, abs=4)


def test_the_auto_path_stays_inside_its_margins() -> None:
    for pattern in ("lawnmower", "eight"):
        line = round_turns(pattern_points(pattern, (300.0, 250.0), 40.0, 120.0), 40.0, 1.0)  # type: ignore[arg-type]
        assert np.all(np.abs(line) <= [300.001, 250.001])


def test_motion_blur_smears_along_the_motion_only() -> None:
    dot = np.zeros((41, 41, 3), np.float32)
    dot[20, 20] = 100.0
    smeared = motion_blurred(dot, (8.0, 0.0))[..., 0]
    assert smeared.sum() == pytest.approx(100.0, rel=1e-4)
    assert np.nonzero(smeared.sum(0) > 0.5)[0].tolist() == list(range(16, 25))
    assert np.nonzero(smeared.sum(1) > 0.5)[0].tolist() == [20]


def test_the_image_moves_down_when_the_vehicle_flies_forward() -> None:
    motion = Motion(np.array([[0.0, 0.0], [500.0, 0.0]]), 20.0, (100.0,), Air(0, 0, 0, 0, 0, 0), 1)
    shift = image_shift_px(default_camera(), motion.at(5.0), motion.at(5.1))
    assert shift[1] == pytest.approx(default_camera().fx_px * 2.0 / 100.0, rel=0.05)
    assert abs(shift[0]) < 0.3


def test_faults_do_what_they_say(summer: Scene, flown: Path, tmp_path: Path) -> None:
    faults = Faults(
        dropped=frozenset({1}), black=frozenset({2}), frozen=frozenset({4}), yaw_spiked=frozenset({3}),
        yaw_spike_deg=70.0, agl_scale=1.25,
    )  # fmt: skip
    assert simulate_flight(summer, replace(SHORT, faults=faults), tmp_path) == 4
    good, bad = rows(flown / "sensors.csv"), rows(tmp_path / "sensors.csv")
    assert [row["frame"] for row in bad] == ["00000", "00002", "00003", "00004"]
    assert not (tmp_path / "frames" / "00001.jpg").exists()
    assert picture(tmp_path, 2).max() == 0
    assert np.array_equal(picture(tmp_path, 4), picture(tmp_path, 3))
    spike = math.remainder(float(bad[2]["heading_deg"]) - float(good[3]["heading_deg"]), 360)
    assert spike == pytest.approx(70.0, abs=0.01)
    assert float(bad[0]["agl_m"]) == pytest.approx(1.25 * float(good[0]["agl_m"]), rel=1e-4)
    assert [row["lat_deg"] for row in rows(tmp_path / "truth.csv")] == [
        row["lat_deg"] for row in rows(flown / "truth.csv") if row["frame"] != "00001"
    ]


def test_blurred_frames_lose_their_detail(summer: Scene, flown: Path, tmp_path: Path) -> None:
    simulate_flight(summer, replace(SHORT, max_frames=1, faults=Faults(blurred=frozenset({0}))), tmp_path)
    sharp, soft = picture(flown, 0).astype(np.float32), picture(tmp_path, 0).astype(np.float32)
    assert cv2.Laplacian(soft, cv2.CV_32F).std() < 0.5 * cv2.Laplacian(sharp, cv2.CV_32F).std()


def test_a_way_that_leaves_the_scene_is_refused(summer: Scene) -> None:
    centre = summer.georef.centre
    away = GeoPoint(centre.lat_deg + 0.02, centre.lon_deg)
    with pytest.raises(InputError, match="leaves the scene"):
        plan_motion(summer, replace(SHORT, waypoints=(centre, away)))


def test_a_scene_that_is_too_small_is_refused(summer: Scene) -> None:
    with pytest.raises(InputError, match="too small"):
        plan_motion(summer, replace(SHORT, speed_mps=60.0))


@pytest.mark.parametrize(
    ("change", "words"),
    [({"speed_mps": 0.0}, "speed_mps"), ({"agl_m": (-5.0,)}, "agl_m"), ({"agl_m": ()}, "agl_m"),
     ({"rate_hz": 0.0}, "rate_hz"), ({"max_frames": 0}, "max_frames"), ({"waypoints": (GeoPoint(0, 0),)}, "waypoints"),
     ({"pattern": "spiral"}, "pattern"), ({"seed": -2}, "seed")],
)  # fmt: skip
def test_flights_that_cannot_be_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        FlightSpec(**change)  # type: ignore[arg-type]


def test_pictures_of_the_wrong_kind_are_no_scene() -> None:
    corners = (GeoPoint(47.1, 8.0), GeoPoint(47.0, 8.1))
    with pytest.raises(InputError, match="three colour channels"):
        scene_from_image(np.zeros((10, 10), np.uint8), *corners)
    with pytest.raises(InputError, match="uint8"):
        scene_from_image(np.zeros((10, 10, 3), np.float32), *corners)  # type: ignore[arg-type]


def test_a_world_on_disk_follows_the_contract(tmp_path: Path) -> None:
    spec = WorldSpec(seed=8, size_m=120.0, gsd_m=0.6)
    calls: list[tuple[int, int]] = []
    maps = simulate_world(spec, tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]
    assert [path.name for path in maps] == ["map_summer.jpg", "map_autumn.jpg"]
    side = json.loads((tmp_path / "map_summer.json").read_text())
    image = cv2.imread(str(maps[0]))
    assert image is not None
    assert (side["height_px"], side["width_px"]) == image.shape[:2]
    assert side["north_up"] is True
    assert side["gsd_m"] == 0.6
    height = Geod(ellps="WGS84").inv(
        side["top_left_lon_deg"], side["top_left_lat_deg"], side["top_left_lon_deg"], side["bottom_right_lat_deg"]
    )[2]
    assert height == pytest.approx(120.0, abs=0.01)
    assert load_world(tmp_path) == spec


def test_broken_world_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        load_world(tmp_path)
    (tmp_path / "world.json").write_text('{"world": {"sead": 1}}')
    with pytest.raises(InputError, match=r"world\.json"):
        load_world(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(summer: Scene, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        simulate_flight(summer, SHORT, tmp_path / "file")
    with pytest.raises(InputError, match="cannot write"):
        simulate_world(WorldSpec(size_m=120.0, gsd_m=1.0), tmp_path / "file")
