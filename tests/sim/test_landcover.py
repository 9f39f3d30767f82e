"""What lies on the ground of a simulated world, against polygons of shapely."""

from __future__ import annotations

import numpy as np
import pytest
from program import Flown, rows
from shapely import Point, Polygon

from uavloc.sim.landcover import COVERS, MIXED, LandCover, land_cover
from uavloc.sim.specs import WorldSpec
from uavloc.sim.world import make_world

WORLD = make_world(WorldSpec(seed=3, size_m=600.0))
COVER = land_cover(WORLD)


def test_fields_are_what_grows_on_them_away_from_houses_and_water() -> None:
    built = [Polygon(yard.outline).buffer(20.0) for yard in WORLD.yards]
    built += [Point(house.centre).buffer(house.length_m / 2 + 20.0) for house in WORLD.buildings]
    built += [Polygon(water.outline).buffer(8.0) for water in WORLD.waters]
    named = {"wood": "wood", "meadow": "meadow", "fallow": "meadow", "orchard": "orchard", "vineyard": "orchard"}
    checked = set()
    for x, y in np.random.default_rng(1).uniform(10, 590, (400, 2)):
        inside = [field for field in WORLD.fields if Polygon(field.outline).buffer(-8.0).contains(Point(x, y))]
        if inside and not any(shape.contains(Point(x, y)) for shape in built):
            expected = named.get(inside[0].crop, "field")
            checked.add(expected)
            assert COVER.at(x, y, 3.0) == expected
    assert len(checked) >= 2


def test_houses_are_town() -> None:
    assert {COVER.at(*house.centre, 4.0) for house in WORLD.buildings if min(house.centre) > 5} == {"town"}


def test_a_square_without_a_majority_is_mixed_and_one_off_the_world_has_no_name() -> None:
    quarters = np.kron(np.array([[0, 3], [4, 5]], np.uint8), np.ones((50, 50), np.uint8))
    cover = LandCover(quarters)
    assert cover.at(100.0, 100.0, 50.0) == MIXED
    assert [cover.at(x, y, 20.0) for x, y in ((50, 50), (150, 50), (50, 150), (150, 150))] == [
        COVERS[k] for k in (0, 3, 4, 5)
    ]
    assert cover.at(-500.0, 50.0, 20.0) == ""
    assert cover.at(900.0, 50.0, 20.0) == ""


def test_every_frame_of_a_simulated_flight_says_what_is_below(flown: Flown) -> None:
    seen = {row["terrain"] for row in rows(flown.truth)}
    assert seen <= {*COVERS, MIXED}
    assert seen


@pytest.mark.parametrize("seed", range(3))
def test_all_ground_has_a_cover(seed: int) -> None:
    cover = land_cover(make_world(WorldSpec(seed=seed, size_m=300.0)))
    assert cover.grid.shape == (150, 150)
    assert int(cover.grid.max()) < len(COVERS)
