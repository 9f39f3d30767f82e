"""Draw the pictures of docs/theory.md: `figures.py --out docs/figures`.

Invents a world, builds its summer, flies over its autumn, and keeps what the localizer saw of one frame.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np

from uavloc.camera import load_camera
from uavloc.cli import main as uavloc
from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.frames import LocalFrame, world_px_from_geo
from uavloc.hypotheses import Look
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.replay.album import fit_colours, on_ink
from uavloc.tiles import TileCache
from uavloc.types import Frame, Pixels

SIDE = 300
GAP = 12
FRAME = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        panels = looked(Path(folder))
    gap = np.full((SIDE, GAP, 3), 255, np.uint8)
    strip = np.hstack([each for panel in panels for each in (gap, boxed(panel))][1:])
    cv2.imwrite(str(out / "one-frame.webp"), cv2.cvtColor(strip, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 70])


def looked(folder: Path) -> list[Pixels]:
    """The frame, the same laid on the ground, the map there, how well each place fits."""
    world, cache_file, log = folder / "world", folder / "map.mbtiles", folder / "flight"
    for line in (
        f"sim world --out {world} --seed 7 --size-m 800",
        f"build --region full --source {world}/map_summer.jpg --out {cache_file}",
        f"sim flight {world} --date autumn --out {log} --frames {FRAME + 1}",
    ):
        if uavloc(line.split()) != 0:
            raise SystemExit(f"failed: {line}")
    looks: list[tuple[Look, LocalFrame]] = []
    camera, encoder = load_camera(log / "camera.json"), load_engine(Config().engine.name)
    with TileCache.open(cache_file, encoder) as cache:
        localizer = Localizer(cache, encoder, camera, Config(), None, None, lambda *seen: looks.append(seen))
        for event in open_log(log, (camera.width_px, camera.height_px)).events():
            if isinstance(event, Frame):
                estimate, picture = localizer.locate(event), event.image
            else:
                localizer.handle(event)
        look, _ = looks[-1]
        patch, point = look.query.patch, estimate.point
        x, y = world_px_from_geo(point.lat_deg, point.lon_deg, look.query.zoom)
        height, width = patch.image.shape[:2]
        piece = cache.image(look.query.zoom, round(x - patch.nadir_px[0]), round(y - patch.nadir_px[1]), width, height)
    return [
        cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB) if picture.ndim == 2 else picture,
        on_ink(patch.image, patch.mask),
        on_ink(piece.rgb, piece.mask),
        fit_colours(look.surface.scores),
    ]


def boxed(picture: Pixels) -> Pixels:
    """A picture within a square, on white."""
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    small = cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    box = np.full((SIDE, SIDE, 3), 255, np.uint8)
    top, left = (SIDE - small.shape[0]) // 2, (SIDE - small.shape[1]) // 2
    box[top : top + small.shape[0], left : left + small.shape[1]] = small
    return box


if __name__ == "__main__":
    main()
