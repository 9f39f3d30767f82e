"""Stale blocks of the map: found where the map shows other ground, nowhere else, and forgiven when they agree again."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.camera import load_camera
from uavloc.encode import load_engine
from uavloc.frames import LocalFrame, mercator_gsd_m, world_px_from_geo, yaw_rotation
from uavloc.ortho import rectify, variants
from uavloc.pixels import grey
from uavloc.sources import open_source
from uavloc.staleness import BLOCK_PX, MAX_WITNESSES, MIN_COVER, Agreement, Block, Staleness, block_agreements
from uavloc.types import Descriptors, Encoder, GeoPoint, MapImage

ZOOM, STRIDE = 18, 4
SIDE = BLOCK_PX // STRIDE
MIDDLE: Block = (ZOOM, 5, 5)


def square(radius: int = 1) -> list[Block]:
    return [(ZOOM, 5 + dx, 5 + dy) for dx in range(-radius, radius + 1) for dy in range(-radius, radius + 1)]


def seen(poor: dict[Block, float], blocks: list[Block] | None = None) -> dict[Block, Agreement]:
    return {block: Agreement(poor.get(block, 0.5), SIDE**2) for block in blocks or square()}


def fly(staleness: Staleness, agreements: dict[Block, Agreement], times: int, first_m: float = 0.0) -> None:
    for i in range(times):
        staleness.witness(agreements, (first_m + 20.0 * i, 0.0))


def test_four_witnesses_well_apart_make_a_block_stale() -> None:
    staleness = Staleness()
    fly(staleness, seen({MIDDLE: 0.02}), 3)
    assert staleness.stale() == []
    fly(staleness, seen({MIDDLE: 0.02}), 1, first_m=60.0)
    (found,) = staleness.stale()
    assert (found.block, found.witnesses, found.agreeing_neighbours) == (MIDDLE, 4, 8)
    assert found.share == pytest.approx(0.04)
    assert staleness.weight(MIDDLE) == found.weight < 0.2
    assert all(staleness.weight(block) == 1.0 for block in square() if block != MIDDLE)


def test_hovering_is_one_witness() -> None:
    staleness = Staleness()
    for i in range(200):
        staleness.witness(seen({MIDDLE: 0.0}), (9.0 * math.sin(i), 9.0 * math.cos(i)))
    assert staleness.stale() == []


def test_a_block_that_agrees_again_recovers() -> None:
    staleness = Staleness()
    fly(staleness, seen({MIDDLE: 0.0}), MAX_WITNESSES)
    assert staleness.weight(MIDDLE) < 1.0
    fly(staleness, seen({}), MAX_WITNESSES // 2, first_m=1000.0)
    assert staleness.weight(MIDDLE) == 1.0
    assert staleness.stale() == []


def test_poor_beside_poor_is_no_evidence() -> None:
    """The block is poor, but so are all beside it that were seen: that is the frame, or the season, not the map."""
    staleness = Staleness()
    near = dict.fromkeys(square(), 0.0)
    fly(staleness, seen(near, square(2)), 8)
    assert MIDDLE not in {found.block for found in staleness.stale()}


def test_frames_that_see_little_or_agree_nowhere_are_no_witnesses() -> None:
    staleness = Staleness()
    fly(staleness, seen({MIDDLE: 0.0}, square()[3:6]), 8)
    fly(staleness, {block: Agreement(0.1 * (block != MIDDLE), SIDE**2) for block in square()}, 8)
    assert staleness.stale() == []


def test_memory_is_bounded_and_the_oldest_go_first() -> None:
    staleness = Staleness(size=20)
    fly(staleness, seen({MIDDLE: 0.0}), 4)
    assert staleness.weight(MIDDLE) < 1.0
    for column in range(100, 400, 4):
        staleness.witness({(ZOOM, column + i, 0): Agreement(0.5, 9) for i in range(4)}, (0.0, 0.0))
    assert staleness.weight(MIDDLE) == 1.0
    assert staleness.stale() == []


def test_weights_scale_descriptors_and_leave_the_mask() -> None:
    staleness = Staleness()
    fly(staleness, seen({MIDDLE: 0.0}), 4)
    ones = Descriptors(np.ones((1, 3, 3 * SIDE, 2 * SIDE), np.float32), np.ones((1, 3 * SIDE, 2 * SIDE), np.bool_))
    corner = (5 * SIDE - 7, 4 * SIDE + 3)
    weighted = staleness.weighted(ones, ZOOM, corner, STRIDE)
    expected = np.ones((3 * SIDE, 2 * SIDE))
    expected[SIDE - 3 : 2 * SIDE - 3, 7 : SIDE + 7] = staleness.weight(MIDDLE)
    assert np.allclose(weighted.data, expected)
    assert weighted.mask is ones.mask
    assert staleness.weighted(ones, ZOOM - 1, corner, STRIDE) is ones
    assert staleness.weighted(ones, ZOOM, (0, 0), STRIDE) is ones
    assert staleness.weighted(ones, ZOOM, (7 * SIDE, 7 * SIDE), STRIDE) is ones
    assert Staleness().weighted(ones, ZOOM, corner, STRIDE) is ones


shapes = st.tuples(st.integers(-9, 60), st.integers(-9, 60), st.integers(1, 40), st.integers(1, 40))


@given(st.integers(0, 2**32 - 1), shapes, st.floats(0.5, 1.0))
@settings(max_examples=30, deadline=None)
def test_agreements_are_those_of_a_plain_loop(seed: int, shape: tuple[int, int, int, int], share: float) -> None:
    """Independent oracle, cell by cell; at this stride a block has 8 x 8 cells and every cell is its own bin."""
    left, top, width, height = shape
    rng = np.random.default_rng(seed)
    masks = rng.uniform(size=(2, height, width)) < share
    data = rng.normal(size=(2, 3, height, width)).astype(np.float32) + 0.3
    data[1] += data[0]
    query, window = (Descriptors(data[i][None] * masks[i], masks[i][None]) for i in (0, 1))
    known = masks[0] & masks[1]
    free = [data[i] - data[i][:, known].mean(axis=1)[:, None, None] for i in (0, 1)] if known.any() else data
    expected: dict[Block, tuple[float, int]] = {}
    for row, column in {((top + j) // 8, (left + i) // 8) for j in range(height) for i in range(width)}:
        inside = [
            (j, i)
            for j in range(height)
            for i in range(width)
            if ((top + j) // 8, (left + i) // 8) == (row, column) and known[j, i]
        ]
        if len(inside) >= MIN_COVER * 64:
            a, b = (np.concatenate([free[k][:, j, i] for j, i in inside]) for k in (0, 1))
            expected[ZOOM, column, row] = (float(a @ b / np.sqrt(a @ a * (b @ b))), len(inside))
    found = block_agreements(query, window, ZOOM, (left, top), 16)
    assert found.keys() == expected.keys()
    for block, (cosine, cells) in expected.items():
        assert found[block].cosine == pytest.approx(cosine, abs=1e-4)
        assert found[block].cells == cells


def test_the_kind_of_ground_alone_is_no_agreement() -> None:
    """Two woods share their mean descriptor and nothing else."""
    rng = np.random.default_rng(3)
    wood = rng.normal(size=(1, 16, 1, 1)).astype(np.float32)
    frame, ground = (wood + 0.5 * rng.normal(size=(1, 16, 64, 64)).astype(np.float32) for _ in range(2))
    mask = np.ones((1, 64, 64), np.bool_)
    found = block_agreements(Descriptors(frame, mask), Descriptors(ground, mask), ZOOM, (0, 0), STRIDE)
    assert len(found) == 4
    assert all(abs(agreement.cosine) < 0.12 for agreement in found.values())


# ---- a real flight over a real map

EVERY = 3
PASTED = ((186492, 306974, 2, 2), (186498, 306974, 2, 2))
"""Places along the flight (column, row, columns, rows of blocks) on which other ground is put."""


@dataclass(frozen=True)
class Shown:
    """A frame laid on the map, with the cell of its corner."""

    descriptors: Descriptors
    corner_cell: tuple[int, int]
    vehicle_ne_m: tuple[float, float]


@pytest.fixture(scope="module")
def engine() -> Encoder:
    return load_engine("evergreen", threads=1)


@pytest.fixture(scope="module")
def shown(data_dir: Path, engine: Encoder) -> list[Shown]:
    return list(laid(data_dir / "adm" / "flight1", engine))


def laid(flight: Path, engine: Encoder) -> Iterator[Shown]:
    """Every third frame of a flight under its true pose."""
    camera = load_camera(flight / "camera.json")
    with (flight / "truth.csv").open(encoding="utf-8") as file:
        truth = list(csv.DictReader(file))[::EVERY]
    local = LocalFrame(float(truth[0]["lat_deg"]), float(truth[0]["lon_deg"]))
    for row in truth:
        point = GeoPoint(float(row["lat_deg"]), float(row["lon_deg"]))
        image = cv2.imread(str(flight / "frames" / f"{row['frame']}.jpg"), cv2.IMREAD_GRAYSCALE)
        agl_m = float(row["ground_width_m"]) * camera.fx_px / camera.width_px
        north_up = yaw_rotation(math.radians(float(row["heading_deg"])))
        patch = rectify(image, camera, north_up, agl_m, mercator_gsd_m(point.lat_deg, ZOOM), math.radians(60), 640)
        assert patch is not None
        images, masks = variants(patch, [(0.0, 0.0)], STRIDE)
        x, y = world_px_from_geo(point.lat_deg, point.lon_deg, ZOOM)
        corner = (round((x - patch.nadir_px[0]) / STRIDE), round((y - patch.nadir_px[1]) / STRIDE))
        yield Shown(engine.encode(images, masks), corner, local.ne_from_geo(point.lat_deg, point.lon_deg))


@dataclass(frozen=True)
class Ground:
    """Descriptors of a piece of map (1 x C x H x W), and the world cell of its corner."""

    descriptors: Descriptors
    corner_cell: tuple[int, int]

    def under(self, frame: Shown) -> Descriptors:
        height, width = frame.descriptors.mask.shape[1:]
        x, y = (at - corner for at, corner in zip(frame.corner_cell, self.corner_cell, strict=True))
        assert min(x, y) >= 0
        part = np.s_[..., y : y + height, x : x + width]
        return Descriptors(self.descriptors.data[part], self.descriptors.mask[part])


def map_below(data_dir: Path, shown: list[Shown]) -> tuple[MapImage, tuple[int, int]]:
    """The picture below a flight, and its corner in blocks."""
    corners = np.array([frame.corner_cell for frame in shown])
    ends = corners + np.array([frame.descriptors.mask.shape[2:0:-1] for frame in shown])
    first, last = corners.min(axis=0) // SIDE, -(-ends.max(axis=0) // SIDE)
    size = (last - first) * BLOCK_PX
    source = open_source(data_dir / "adm" / "map_2014-03.jpg")
    image = source.read(ZOOM, *(first * BLOCK_PX).tolist(), *size.tolist())
    return image, (int(first[0]), int(first[1]))


def encoded(image: MapImage, corner_block: tuple[int, int], engine: Encoder) -> Ground:
    descriptors = engine.encode(grey(image.rgb)[None], image.mask[None])
    return Ground(descriptors, (corner_block[0] * SIDE, corner_block[1] * SIDE))


def flown_over(ground: Ground, shown: list[Shown]) -> Staleness:
    staleness = Staleness()
    for frame in shown:
        agreements = block_agreements(frame.descriptors, ground.under(frame), ZOOM, frame.corner_cell, STRIDE)
        staleness.witness(agreements, frame.vehicle_ne_m)
    return staleness


@pytest.mark.real_data
def test_a_map_as_it_is_has_no_stale_block(data_dir: Path, shown: list[Shown], engine: Encoder) -> None:
    image, corner = map_below(data_dir, shown)
    assert flown_over(encoded(image, corner, engine), shown).stale() == []


@pytest.mark.real_data
def test_other_ground_pasted_over_the_map_is_reported_and_nothing_else(
    data_dir: Path, shown: list[Shown], engine: Encoder
) -> None:
    image, corner = map_below(data_dir, shown)
    elsewhere = open_source(data_dir / "adm" / "map_2014-03.jpg")
    rgb = image.rgb.copy()
    pasted: set[Block] = set()
    for column, row, columns, rows in PASTED:
        left, top = (column - corner[0]) * BLOCK_PX, (row - corner[1]) * BLOCK_PX
        width, height = columns * BLOCK_PX, rows * BLOCK_PX
        other = elsewhere.read(ZOOM, column * BLOCK_PX, (row + 5) * BLOCK_PX, width, height)
        assert other.mask.all()
        rgb[top : top + height, left : left + width] = other.rgb
        pasted |= {(ZOOM, column + dx, row + dy) for dx in range(columns) for dy in range(rows)}
    found = flown_over(encoded(MapImage(rgb, image.mask), corner, engine), shown).stale()
    told = {stale.block for stale in found}
    assert len(told & pasted) > len(pasted) // 2, "the rest was seen too seldom"
    assert len(told - pasted) <= 1, "descriptors look beyond the edge of what was pasted"
    assert all(stale.weight <= 1.0 and stale.witnesses >= 4 for stale in found)
