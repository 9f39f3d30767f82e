"""The folder that the documents speak of: a map, caches, flights and logs under the names that their commands use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import boards
import cv2
import flightlogs as fl
import numpy as np
import onnxmodels as nets
import rasterio
import rasterio.shutil
from bagfiles import Messages, write
from demfiles import write_dem, write_hgt
from mapfiles import geotransform
from missions import Place, geojson, plan, survey, write_json
from PIL import Image
from program import at_once, rows

from uavloc.calibration import Board
from uavloc.types import Bounds

CENTRE = (48.0560, 11.3482)
"""So that the flight begins where the documents say: 48.0551,11.3468."""
UTC_S = 1_714_564_800
TERRAIN_M = 500


def prepare(folder: Path) -> None:
    """Make everything; about 15 s of processor time."""
    here = folder.joinpath
    world, flight, cache = here("world"), here("flight1"), here("field.mbtiles")
    _do("sim", "world", "--out", world, "--seed", 7, "--size-m", 400, "--lat", CENTRE[0], "--lon", CENTRE[1],
        "--date", "summer")  # fmt: skip
    picture = world / "map_summer.jpg"
    box = _geotiffs(picture, folder)
    _do("build", "--region", "full", "--source", here("map.tif"), "--out", cache)
    shutil.copy(cache, here("hills.mbtiles"))
    camera = ("--width-px", 320, "--height-px", 240)
    _do("sim", "flight", world, "--date", "summer", "--out", flight, "--agl-m", 80, "--speed-mps", 8, *camera,
        "--frames", 6)  # fmt: skip
    shutil.copy(flight / "camera.json", here("camera.json"))
    _terrain(folder, box)
    _regions(folder, box)
    _logs(folder)
    known = ("--cache", cache, "--start", start(flight))
    recording = here("recordings", "uavloc-20261124-101500-000.mcap")
    recording.parent.mkdir()
    _do(
        "replay",
        flight,
        *known,
        "--record",
        recording,
        "--truth",
        flight / "truth.csv",
        "--out",
        here("result-new-map"),
    )
    shutil.copytree(here("result-new-map"), here("result"))
    here("flown").mkdir()
    shutil.copy(flight / "truth.csv", here("flown", "truth.csv"))
    _do("run", "--init", "ardupilot", "--out", here("uavloc.toml"))
    here("places.onnx").write_bytes(nets.dense_net())
    here("board").mkdir()
    boards.photos(here("board"), Board.parse("checkerboard:10x7:25"), 10)


def start(flight: Path) -> str:
    first = rows(flight / "truth.csv")[0]
    return f"{first['lat_deg']},{first['lon_deg']},50"


def _do(*words: object) -> None:
    ran = at_once(*words)
    assert ran.code == 0, ran.err


def _geotiffs(picture: Path, folder: Path) -> Bounds:
    facts = json.loads(picture.with_suffix(".json").read_text())
    box = Bounds(*(facts[f"{corner}_deg"] for corner in (
        "top_left_lon", "bottom_right_lat", "bottom_right_lon", "top_left_lat")))  # fmt: skip
    rgb = cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB)
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "width": rgb.shape[1], "height": rgb.shape[0]}
    with rasterio.open(
        folder / "map.tif", "w", crs="EPSG:4326", transform=geotransform(box, rgb.shape[1], rgb.shape[0]), **profile
    ) as data:
        data.write(np.moveaxis(rgb, 2, 0))
    rasterio.shutil.copy(folder / "map.tif", folder / "county.vrt", driver="VRT")
    return box


def _terrain(folder: Path, box: Bounds) -> None:
    write_hgt(folder / "N48E011.hgt", np.full((1201, 1201), TERRAIN_M))
    around = Bounds(box.west_deg - 0.01, box.south_deg - 0.01, box.east_deg + 0.01, box.north_deg + 0.01)
    heights = np.full((50, 50), TERRAIN_M, np.float32)
    write_dem(folder / "lidar.tif", heights, geotransform(around, 50, 50), crs="EPSG:4326+5773")
    write_dem(folder / "survey.tif", heights, geotransform(around, 50, 50), crs="EPSG:4326")


def _regions(folder: Path, box: Bounds) -> None:
    inset = 0.0004
    south, north = box.south_deg + inset, box.north_deg - inset
    west, east = box.west_deg + inset, box.east_deg - inset
    ring: list[Place] = [(south, west), (south, east), (north, east), (north, west)]
    polygon = geojson("Polygon", [[[lon, lat] for lat, lon in [*ring, ring[0]]]])
    write_json(folder / "field.geojson", polygon)
    write_json(folder / "county.geojson", polygon)
    write_json(folder / "mission.plan", plan([survey(ring, ring)], ring[0]))


def _logs(folder: Path) -> None:
    flight = folder / "flight1"
    fl.dataflash_of(flight, folder / "flight.bin", 2.0)
    fl.tlog_of(flight, folder / "flight.tlog", UTC_S, 0.0)
    fl.video_of(flight, folder / "cam.mp4")
    shutil.copy(folder / "cam.mp4", folder / "DJI_0017.MP4")
    _subtitles(folder / "DJI_0017.SRT", fl.moments(flight))
    _photos(flight, folder / "photos")
    _bags(flight, folder)


def _subtitles(path: Path, moments: list[fl.Moment]) -> None:
    blocks = [
        f"{k + 1}\n00:00:{k:02d},000 --> 00:00:{k + 1:02d},000\n2024-05-01 12:00:{k:02d}.000\n"
        f"[latitude: {at.lat_deg:.6f}] [longitude: {at.lon_deg:.6f}] [rel_alt: {at.agl_m:.1f} abs_alt: 580.0]\n"
        for k, at in enumerate(moments)
    ]
    path.write_text("\n".join(blocks))


def _photos(flight: Path, folder: Path) -> None:
    folder.mkdir()
    for k, picture in enumerate(sorted((flight / "frames").iterdir())):
        image = Image.open(picture)
        tags = image.getexif()
        tags.get_ifd(0x8769).update({0x9003: f"2024:05:01 12:00:{k:02d}", 0x9011: "+00:00"})
        image.save(folder / f"{k:03d}.jpg", exif=tags)


def _bags(flight: Path, folder: Path) -> None:
    for kind, name in (("ros1", "flight.bag"), ("sqlite3", "flight")):
        make = Messages(kind)
        messages = []
        for at, picture in zip(fl.moments(flight), sorted((flight / "frames").iterdir()), strict=True):
            t_ns = UTC_S * 10**9 + round(at.t_s * 1e9)
            messages += [
                ("/imu", t_ns - 10**7, make.imu(t_ns - 10**7, np.radians(90.0 - at.heading_deg))),
                ("/range", t_ns - 10**7, make.range(t_ns - 10**7, at.agl_m)),
                ("/camera/image_raw", t_ns, make.image(t_ns, cv2.imread(str(picture)), "bgr8")),
            ]
        shutil.move(write(folder, kind, messages, make), folder / name)
