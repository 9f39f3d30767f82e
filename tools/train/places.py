"""What the network learns from: pictures of the same ground, at one date or several.

Open imagery is read from a folder laid out as `tools/train/README.md` says. Generated worlds are drawn here, three
dates each, and kept as JPEG beside the run so that a second run starts at once.
"""

from __future__ import annotations

import csv
import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from uavloc.sim import DATES, Date, WorldSpec, map_picture, scene_from_world

Pixels = NDArray[np.uint8]

SITE_PX = 224
"""Spacing of the sites laid out on a large picture."""
HELD_OUT = ("chico", "eureka", "bishop", "odm_garfield", "iowa_9", "world_9")
"""Places whose names begin so are never trained on: they choose the checkpoint."""
MULTI_DATE_SHARE = 0.75
"""Of the samples, how many come from places seen at several dates."""


@dataclass(frozen=True)
class View:
    """A picture (H x W x 3, RGB) of a place; its pixel p shows the place's point p + `offset_px` (x, y)."""

    rgb: Pixels
    offset_px: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Place:
    """The same ground on one or several dates, at one scale. `gsd_m` is 0 where nobody knows it."""

    name: str
    gsd_m: float
    views: tuple[View, ...]

    def at_most(self, dates: int) -> Place:
        """The place with its first dates only; with all of them for 0."""
        return dataclasses.replace(self, views=self.views[: dates or None])

    @property
    def held_out(self) -> bool:
        """Whether the place is kept for validation."""
        return self.name.startswith(HELD_OUT)

    def sites(self) -> list[tuple[float, float]]:
        """Centres (x, y) of the pieces it is cut into: one for a small picture, a grid for a large one."""
        height, width = self.views[0].rgb.shape[:2]
        return [(x, y) for x in _centres(width) for y in _centres(height)]


def _centres(length: int) -> list[float]:
    count = max(1, round(length / SITE_PX))
    return [length * (k + 0.5) / count for k in range(count)]


def load_places(imagery: Path | None, worlds: int, store: Path) -> list[Place]:
    """All there is: the folders of open imagery that exist, and `worlds` generated ones."""
    places: list[Place] = []
    if imagery is not None:
        readers = (_naip_cities, _naip_iowa, _naip_dakota, _estonia, _drone_photos)
        places = [place for reader in readers for place in reader(imagery)]
        if not places:
            raise SystemExit(f"{imagery}: none of the folders that tools/train/README.md tells of")
    return places + [_world(index, store) for index in range(worlds)]


def _read(path: Path) -> Pixels:
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise SystemExit(f"{path}: not a readable image")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _naip_cities(imagery: Path) -> Iterator[Place]:
    """Crops of Californian cities; pairs.csv tells how far the dates are shifted against each other."""
    folder = imagery / "naip_california_60cm"
    if not folder.is_dir():
        return
    shifts: dict[str, list[tuple[str, tuple[float, float]]]] = defaultdict(list)
    with (folder / "pairs.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["quality"] != "check":
                shifts[row["ref"]].append((row["file"], (float(row["dx_px"]), float(row["dy_px"]))))
    paired = {name for ref, others in shifts.items() for name in (ref, *(other for other, _ in others))}
    singles = {path.name for path in (folder / "images").glob("*.jpg")} - paired
    for ref in sorted(shifts.keys() | singles):
        views = [View(_read(folder / "images" / ref))]
        views += [View(_read(folder / "images" / name), shift) for name, shift in shifts[ref]]
        yield Place(ref, 0.6, tuple(views))


def _naip_iowa(imagery: Path) -> Iterator[Place]:
    for index, path in enumerate(sorted((imagery / "naip_iowa_1m").rglob("*.jp*g"))):
        yield Place(f"iowa_{index % 10}_{path.stem}", 1.0, (View(_read(path)),))


def _naip_dakota(imagery: Path) -> Iterator[Place]:
    """One rural quad at ten dates. 5 m a pixel is coarser than in flight: it teaches change, not scale."""
    import rasterio

    views = []
    for path in sorted((imagery / "naip_5m_dakota").glob("*.tif")):
        with rasterio.open(path) as data:
            rgb = np.ascontiguousarray(data.read((1, 2, 3)).transpose(1, 2, 0))
            left, top = data.bounds.left, data.bounds.top
            if not views:
                origin, pixel_m = (left, top), data.transform[0]
            views.append(View(rgb, ((left - origin[0]) / pixel_m, (origin[1] - top) / pixel_m)))
    if views:
        yield Place("dakota", 0.0, tuple(views))


def _estonia(imagery: Path) -> Iterator[Place]:
    path = imagery / "estonia_tartu" / "ortho_60cm.jpg"
    if path.is_file():
        yield Place("estonia", 0.6, (View(_read(path)),))


def _drone_photos(imagery: Path) -> Iterator[Place]:
    """Photos of unknown scale, each its own place: what a drone's camera makes of textures."""
    for folder in sorted([*imagery.glob("odm_*"), *imagery.glob("isfm_*")]):
        for path in sorted(folder.glob("*.[jJ][pP]*")):
            yield Place(f"{folder.name}_{path.stem}", 0.0, (View(_read(path)),))


def _world(index: int, store: Path) -> Place:
    """A generated world at three dates, drawn on first use."""
    rng = np.random.default_rng(index)
    gsd_m = float(rng.choice([0.4, 0.5, 0.6]))
    spec = WorldSpec(seed=1_000_000 + index, size_m=1400.0 * gsd_m, gsd_m=gsd_m)
    names = [f"world_{index % 10}_{index}_{k}" for k in range(3)]
    dates = [_varied(date, rng) for date in rng.choice(np.array(list(DATES.values()), object), 3, replace=False)]
    views = tuple(View(_drawn(spec, date, store / f"{name}.jpg")) for name, date in zip(names, dates, strict=True))
    return Place(names[0], gsd_m, views)


def _varied(date: Date, rng: np.random.Generator) -> Date:
    """A date with its own sun, satellite and air."""
    return dataclasses.replace(
        date,
        sun_azimuth_deg=float(rng.uniform(90, 270)),
        sun_elevation_deg=float(rng.uniform(20, 65)),
        view_azimuth_deg=float(rng.uniform(0, 360)),
        view_tilt_deg=float(rng.uniform(0, 18)),
        contrast=float(rng.uniform(0.8, 1.1)),
        haze=float(rng.uniform(0.0, 0.12)),
    )


def _drawn(spec: WorldSpec, date: Date, path: Path) -> Pixels:
    if not path.is_file():
        picture = map_picture(scene_from_world(spec, date), date, spec.seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.jpg")
        cv2.imwrite(str(part), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 93])
        part.replace(path)
    return _read(path)
