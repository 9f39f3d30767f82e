"""A scene: what a camera can fly over. Drawn from a world on a date, or any georeferenced picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from uavloc.errors import InputError
from uavloc.sim.canvas import Canvas, blank_canvas
from uavloc.sim.features import World
from uavloc.sim.georef import Georef
from uavloc.sim.groundpaint import (
    paint_field,
    paint_road,
    paint_stall_marks,
    paint_water,
    paint_yard,
    snow_over,
)
from uavloc.sim.landcover import LandCover, land_cover
from uavloc.sim.lean import leaning
from uavloc.sim.light import cast_shadows, paint_crowns, toned
from uavloc.sim.noise import white
from uavloc.sim.objectpaint import paint_building, paint_cars, plant_trees
from uavloc.sim.seeds import stream
from uavloc.sim.specs import Date, WorldSpec
from uavloc.sim.world import make_world
from uavloc.types import Float32, GeoPoint, Pixels

BLOCK_PX = 32


@dataclass(frozen=True)
class Scene:
    """True-ortho colours (H x W x 3, north up) with an exact georeference.

    `height_m` (metres above flat ground) and `wall` (number of the wall colour under a roof) are H x W, or None where
    the scene is flat. `sun_azimuth_deg` tells which walls are bright, `cover` what the ground is where that is known.
    """

    rgb: Pixels
    georef: Georef
    height_m: Float32 | None = None
    wall: Pixels | None = None
    sun_azimuth_deg: float = 180.0
    cover: LandCover | None = None

    def __post_init__(self) -> None:
        shape = (self.georef.height_px, self.georef.width_px)
        if self.rgb.shape != (*shape, 3) or self.rgb.dtype != np.uint8:
            got = f"{self.rgb.shape} {self.rgb.dtype}"
            raise InputError(f"scene: picture must be {shape[0]} x {shape[1]} x 3 uint8, got {got}")
        for name, layer in (("height_m", self.height_m), ("wall", self.wall)):
            if layer is not None and layer.shape != shape:
                raise InputError(f"scene: {name} must be {shape[0]} x {shape[1]}, got {layer.shape}")
        if max(shape) > 32000:
            raise InputError(f"scene of {shape[1]} x {shape[0]} pixels is too large: at most 32000 along a side")

    @property
    def gsd_m(self) -> float:
        """Ground sampling distance at the centre (mean of east and north)."""
        x, y = self.georef.px_per_m(self.georef.centre.lat_deg)
        return 2.0 / (x + y)

    def terrain(self, point: GeoPoint, reach_m: float) -> str:
        """What most of the ground about a place is, in a word; empty where that is not known."""
        if self.cover is None:
            return ""
        x, y = self.georef.px_from_geo(point.lat_deg, point.lon_deg)
        return self.cover.at(x * self.gsd_m, y * self.gsd_m, reach_m)

    @cached_property
    def mips(self) -> list[Pixels]:
        """The picture at full size, half, quarter, ... down to 64 pixels."""
        levels = [self.rgb]
        while min(levels[-1].shape[:2]) >= 128 and len(levels) < 8:
            half = (levels[-1].shape[1] // 2, levels[-1].shape[0] // 2)
            levels.append(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA).astype(np.uint8))
        return levels

    @cached_property
    def block_tops_m(self) -> Float32:
        """Greatest height in every block of 32 x 32 pixels."""
        assert self.height_m is not None
        rows, columns = (-(-n // BLOCK_PX) for n in self.height_m.shape)
        padded = np.zeros((rows * BLOCK_PX, columns * BLOCK_PX), np.float32)
        padded[: self.height_m.shape[0], : self.height_m.shape[1]] = self.height_m
        tops: Float32 = padded.reshape(rows, BLOCK_PX, columns, BLOCK_PX).max((1, 3))
        return tops


def scene_from_image(rgb: Pixels, top_left: GeoPoint, bottom_right: GeoPoint) -> Scene:
    """Flat scene from a north-up picture between its outer corners; raises InputError where they cannot be."""
    if rgb.ndim != 3:
        raise InputError(f"scene: picture must have three colour channels, got shape {rgb.shape}")
    return Scene(np.ascontiguousarray(rgb), Georef(rgb.shape[1], rgb.shape[0], top_left, bottom_right))


def draw(world: World, spec: WorldSpec, date: Date) -> Canvas:
    """All rasters of a world on a date, under that date's light."""
    canvas = blank_canvas(spec.seed, date.name, spec.size_px, spec.gsd_m)
    for field in world.fields:
        paint_field(canvas, field, date, spec.seed)
    for water in world.waters:
        paint_water(canvas, water, date.season)
    for index, yard in enumerate(world.yards):
        paint_yard(canvas, yard, date, spec.seed, index)
    if date.season == "snow":
        snow_over(canvas)
    for road in reversed(world.roads):
        paint_road(canvas, road, date.season)
    paint_stall_marks(canvas, world.stalls, date.season)
    for index, building in enumerate(world.buildings):
        if building.first <= date.epoch <= building.last:
            paint_building(canvas, building, date, spec.seed, index)
    paint_cars(canvas, world.stalls, date, spec.seed)
    plant_trees(canvas, world.trees, spec.seed)
    paint_crowns(canvas, date)
    cast_shadows(canvas, date)
    return canvas


def scene_from_world(spec: WorldSpec, date: Date) -> Scene:
    """What really is there on a date: no haze and no lean, which are the matter of the camera that looks."""
    world = make_world(spec)
    canvas = draw(world, spec, date)
    rgb = toned(canvas.rgb, (1.0, 1.0, 1.0), 1.0, 0.0)
    return Scene(rgb, spec.georef, canvas.height_m, canvas.wall, date.sun_azimuth_deg, land_cover(world))


def map_picture(scene: Scene, date: Date, seed: int) -> Pixels:
    """The scene as a satellite orthophoto of that date: lean, haze, white balance, blur and grain (H x W x 3)."""
    picture = scene.rgb
    if scene.height_m is not None and scene.wall is not None:
        picture = leaning(picture, scene.height_m, scene.wall, scene.gsd_m, date)
    picture = cv2.GaussianBlur(picture, (5, 5), 0.75).astype(np.uint8, copy=False)
    grain = white(stream(seed, "map grain", date.name), (picture.shape[0], picture.shape[1])) * np.float32(2.0)
    return toned(picture, date.gains, date.contrast, date.haze, grain)
