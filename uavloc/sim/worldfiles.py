"""A world on disk: one map picture with corners per date, and `world.json` from which it can be drawn again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2

from uavloc.errors import InputError, UsageError
from uavloc.sim.georef import Georef
from uavloc.sim.scene import map_picture, scene_from_world
from uavloc.sim.specs import AUTUMN, SUMMER, Date, WorldSpec
from uavloc.types import Pixels

ProgressFn = Callable[[int, int], None]
JPEG_QUALITY = 94


def simulate_world(
    spec: WorldSpec, out_dir: str | Path, dates: Sequence[Date] = (SUMMER, AUTUMN), progress: ProgressFn | None = None
) -> list[Path]:
    """Draws a world on every date and writes `map_<date>.jpg` + `.json` and `world.json`; gives the map pictures.

    Raises UsageError without dates and InputError where the folder cannot be written.
    """
    if not dates:
        raise UsageError("world dates: at least one is needed")
    folder = Path(out_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        world = {"world": asdict(spec), "dates": [date.name for date in dates]}
        (folder / "world.json").write_text(json.dumps(world, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise InputError(f"{folder}: cannot write the world: {error.strerror}") from error
    written = []
    for done, date in enumerate(dates, start=1):
        picture = map_picture(scene_from_world(spec, date), date, spec.seed)
        written.append(write_map(folder / f"map_{date.name}.jpg", picture, spec.georef, spec.gsd_m, date.day))
        if progress is not None:
            progress(done, len(dates))
    return written


def write_map(path: Path, rgb: Pixels, georef: Georef, gsd_m: float, day: str) -> Path:
    """Map image with corners: the picture and the JSON beside it (corners are the raster's outer corners)."""
    data = {
        "image": path.name, "width_px": georef.width_px, "height_px": georef.height_px, "gsd_m": gsd_m,
        "north_up": True, "date": day,
        "top_left_lat_deg": georef.top_left.lat_deg, "top_left_lon_deg": georef.top_left.lon_deg,
        "bottom_right_lat_deg": georef.bottom_right.lat_deg, "bottom_right_lon_deg": georef.bottom_right.lon_deg,
    }  # fmt: skip
    if not cv2.imwrite(str(path), rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
        raise InputError(f"{path}: cannot write the map picture")
    path.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    return path


def load_world(path: str | Path) -> WorldSpec:
    """The spec of a world from its `world.json` (or the folder that holds it); raises InputError."""
    file = Path(path) / "world.json" if Path(path).is_dir() else Path(path)
    try:
        return WorldSpec(**json.loads(file.read_text("utf-8"))["world"])
    except OSError as error:
        raise InputError(f"{file}: cannot read the world: {error.strerror}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{file}: not a world file: {error}") from error
