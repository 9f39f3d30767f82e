"""Retrieval: the index against a plain search, and regions against the map they were cut from."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace

import cv2
import faiss
import numpy as np
import pytest
from globalhead import write_engine
from hypothesis import given, settings
from hypothesis import strategies as st
from mapfiles import bounds_around, card, write_map
from pyproj import Geod

from uavloc.build import build_cache
from uavloc.cache.regionfile import encode_vectors
from uavloc.camera import load_camera
from uavloc.card import engine_folder, list_engines, load_card
from uavloc.encode import load_engine
from uavloc.errors import CacheError
from uavloc.frames import geo_from_world_px, mercator_gsd_m, rotation_from_rpy, world_px_from_geo
from uavloc.recall import Answer, recall_at
from uavloc.region import parse_region
from uavloc.regions import heading_turns, query_pictures
from uavloc.retrieve import Hint, Picture, Retriever, make_index
from uavloc.sources import open_source
from uavloc.tiles import TileCache
from uavloc.types import GeoPoint

LAT, LON, GSD_M, SIZE = 47.4, 8.5, 0.5, 720
WINDOW_PX, STEP_PX = 96, 24
GEOD = Geod(ellps="WGS84")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return load_engine(write_engine(tmp_path_factory.mktemp("engines") / "standin", WINDOW_PX), threads=1)


def built(path, encoder, region="full"):
    source = open_source(path)
    report = build_cache(parse_region(region, [source.bounds]), [source], encoder, path.with_suffix(".mbtiles"))
    return report.path


@pytest.fixture(scope="module")
def cache(tmp_path_factory, encoder):
    picture = write_map(tmp_path_factory.mktemp("map") / "ground.png", LAT, LON, SIZE, GSD_M)
    with TileCache.open(built(picture, encoder), encoder) as opened:
        yield opened


@pytest.fixture(scope="module")
def retriever(cache, encoder):
    return Retriever(cache.index(), encoder)


def cut(cache, zoom, lat_deg, lon_deg, heading_rad=0.0, off_px=2):
    """The map a little off the window nearest to a place, as a picture, and where it is."""
    half = WINDOW_PX // 2
    x, y = (
        round((value - half) / STEP_PX) * STEP_PX + half + off_px for value in world_px_from_geo(lat_deg, lon_deg, zoom)
    )
    image = cache.image(zoom, x - half, y - half, WINDOW_PX, WINDOW_PX)
    picture = Picture(cv2.cvtColor(image.rgb, cv2.COLOR_RGB2GRAY), image.mask, zoom, heading_rad, (0.0, 0.0))
    return picture, GeoPoint(*geo_from_world_px(x, y, zoom))


def moved(north_m, east_m):
    lon, lat, _ = GEOD.fwd(LON, LAT, math.degrees(math.atan2(east_m, north_m)), math.hypot(north_m, east_m))
    return lat, lon


def distance_m(a, b):
    return GEOD.inv(a.lon_deg, a.lat_deg, b.lon_deg, b.lat_deg)[2]


def noise(zoom, seed=0):
    rng = np.random.default_rng(seed)
    image = cv2.resize(rng.integers(0, 255, (12, 12), np.uint8), (WINDOW_PX, WINDOW_PX), interpolation=cv2.INTER_CUBIC)
    return Picture(image, np.ones(image.shape, np.bool_), zoom, 0.0, (0.0, 0.0))


@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.integers(2, 40))
@settings(max_examples=15, deadline=None)
def test_a_small_index_answers_as_a_plain_search(seed, count, dim):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    stored = encode_vectors(vectors)
    kind, data = make_index(lambda: iter(np.array_split(stored, 3)), count, dim)
    index = faiss.deserialize_index(data)
    similar, rows = index.search(vectors[:3], count)
    plain = vectors[:3] @ (stored.astype(np.float32) / 127.0).T
    assert kind == "flat"
    assert np.abs(similar / 127.0 - np.take_along_axis(plain, rows, 1)).max() < 1e-3
    assert np.abs(similar / 127.0 - -np.sort(-plain, axis=1)).max() < 1e-3
    assert np.abs(plain - vectors[:3] @ vectors.T).max() < 0.5 / 127 * math.sqrt(dim)


@pytest.fixture(scope="module")
def many():
    """Vectors in groups, as overlapping windows are."""
    rng = np.random.default_rng(3)
    vectors = np.repeat(rng.normal(size=(1200, 12)), 10, axis=0) + 0.5 * rng.normal(size=(12000, 12))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def quantised(many):
    stored = encode_vectors(many)
    return make_index(lambda: iter(np.array_split(stored, 7)), len(many), 12, flat_bytes=1000)


def test_a_large_index_is_small_and_finds_nearly_the_same(many, quantised):
    kind, data = quantised
    assert kind == "ivfpq"
    assert data.nbytes < many.shape[0] * (12 + 8)
    index = faiss.deserialize_index(data)
    index.nprobe = index.nlist // 8
    _, rows = index.search(many[::200], 60)
    best = np.argsort(-(many[::200] @ many.T), axis=1)[:, :5]
    assert np.mean([len(set(a) & set(b)) / 5 for a, b in zip(best, rows, strict=True)]) > 0.9


def test_training_is_repeatable(many, quantised):
    stored = encode_vectors(many)
    _, again = make_index(lambda: iter(np.array_split(stored, 2)), len(many), 12, flat_bytes=1000)
    assert (again == quantised[1]).all(), "whatever the parts in which the vectors come"


@pytest.mark.parametrize("north_east_m", [(0, 0), (90, -70), (-120, 110)])
def test_a_place_is_found_with_its_heading(cache, retriever, north_east_m):
    zoom = retriever.zooms[0]
    picture, place = cut(cache, zoom, *moved(*north_east_m), heading_rad=1.25)
    turned = [
        replace(picture, image=np.ascontiguousarray(np.rot90(picture.image, turns)), heading_rad=float(turns))
        for turns in (1, 2, 3)
    ]
    best, *others = retriever.regions([*turned, picture], 4)
    assert distance_m(best.point, place) == pytest.approx(2 * math.sqrt(2) * mercator_gsd_m(LAT, zoom)[0], rel=0.02)
    assert best.heading_rad == 1.25
    assert best.zoom == zoom
    assert best.radius_m == pytest.approx(WINDOW_PX / 2 * mercator_gsd_m(LAT, zoom)[0], rel=0.01)
    assert 0.8 < best.score <= 1.01
    assert best.surprise > max(other.surprise for other in others)


def test_the_vehicle_may_be_elsewhere_than_what_it_sees(cache, retriever):
    picture, _ = cut(cache, retriever.zooms[0], *moved(20, 30))
    (here,) = retriever.regions([picture], 1)
    (there,) = retriever.regions([replace(picture, vehicle_ne_m=(-40.0, 25.0))], 1)
    azimuth, _, distance = GEOD.inv(here.point.lon_deg, here.point.lat_deg, there.point.lon_deg, there.point.lat_deg)
    assert distance == pytest.approx(math.hypot(40, 25), abs=0.1)
    assert azimuth == pytest.approx(math.degrees(math.atan2(25, -40)), abs=0.2)


def test_regions_are_apart_and_ordered(cache, retriever):
    fine, coarse = (cut(cache, zoom, *moved(10, 10))[0] for zoom in retriever.zooms[:2])
    found = retriever.regions([fine, coarse], 30)
    assert len(found) == 30
    assert {region.zoom for region in found} == set(retriever.zooms[:2])
    surprises = [region.surprise for region in found]
    assert surprises == sorted(surprises, reverse=True)
    for i, a in enumerate(found):
        for b in found[:i]:
            azimuth, _, far = GEOD.inv(b.point.lon_deg, b.point.lat_deg, a.point.lon_deg, a.point.lat_deg)
            north, east = far * math.cos(math.radians(azimuth)), far * math.sin(math.radians(azimuth))
            shared = [
                max(0.0, min(d + a.radius_m, b.radius_m) - max(d - a.radius_m, -b.radius_m)) for d in (north, east)
            ]
            assert shared[0] * shared[1] <= 0.51 * (2 * min(a.radius_m, b.radius_m)) ** 2


@pytest.mark.parametrize("vehicle_ne_m", [(0.0, 0.0), (35.0, -20.0)])
@pytest.mark.parametrize("radius_m", [5.0, 60.0])
def test_a_hint_bounds_the_search(cache, retriever, radius_m, vehicle_ne_m):
    zoom = retriever.zooms[0]
    picture = replace(cut(cache, zoom, *moved(100, 100))[0], vehicle_ne_m=vehicle_ne_m)
    far = Hint(GeoPoint(*moved(-60, -80)), radius_m)
    window_m = WINDOW_PX * mercator_gsd_m(LAT, zoom)[0]
    found = retriever.regions([picture], 50, far)
    assert found
    assert all(distance_m(region.point, far.point) <= radius_m + window_m + 0.5 for region in found)
    everywhere = retriever.regions([picture], 1)[0]
    near = retriever.regions([picture], 1, Hint(everywhere.point, radius_m))[0]
    assert near == everywhere
    assert retriever.regions([picture], 5, Hint(GeoPoint(0.0, 0.0), radius_m)) == []


def test_no_answer_without_something_to_see(cache, retriever):
    zoom = retriever.zooms[0]
    picture = cut(cache, zoom, LAT, LON)[0]
    blind = replace(picture, mask=np.zeros_like(picture.mask))
    assert retriever.regions([], 5) == []
    assert retriever.regions([blind, replace(picture, zoom=9)], 5) == []
    assert len(retriever.regions([blind, picture], 5)) == 5


def test_masked_pixels_have_no_influence(cache, retriever):
    picture = cut(cache, retriever.zooms[0], LAT, LON)[0]
    mask = picture.mask.copy()
    mask[:, 60:] = False
    one, other = (picture.image.copy() for _ in range(2))
    one[:, 60:], other[:, 60:] = 0, 255
    found = [retriever.regions([replace(picture, image=image, mask=mask)], 5) for image in (one, other)]
    assert found[0] == found[1]


def test_surprise_tells_places_from_noise(cache, retriever):
    zoom = retriever.zooms[0]
    real = [cut(cache, zoom, *moved(n, e))[0] for n in (-90, 0, 90) for e in (-90, 0, 90)]
    known = [retriever.regions([picture], 1)[0].surprise for picture in real]
    unknown = [retriever.regions([noise(zoom, seed)], 1)[0].surprise for seed in range(9)]
    assert np.median(known) > max(unknown)


def test_surprise_is_in_robust_standard_deviations(cache, retriever, encoder):
    picture = cut(cache, retriever.zooms[0], LAT, LON, off_px=9)[0]
    best = retriever.regions([picture], 1)[0]
    index = faiss.deserialize_index(np.array(cache.index().data))
    rows = np.flatnonzero(cache.index().zooms == picture.zoom)
    all_similar = index.reconstruct_batch(rows) / 127.0 @ encoder.describe(picture.image[None], picture.mask[None])[0]
    median = np.median(all_similar)
    mad = np.median(np.abs(all_similar - median))
    assert best.score == pytest.approx(all_similar.max(), abs=1e-3)
    assert best.surprise == pytest.approx((all_similar.max() - median) / (1.4826 * mad), rel=0.02)


def test_the_index_is_searched_where_it_lies_in_the_file(cache, retriever):
    stored = retriever._stored
    first = stored.data.ctypes.data
    codes = int(retriever._index.codes.data())
    assert isinstance(stored.data, np.memmap)
    assert not stored.data.flags.writeable
    assert first < codes < first + stored.data.nbytes
    content = cache.path.read_bytes()
    assert content.endswith(stored.data.tobytes())


def test_a_quantised_index_answers_the_same_way(cache, encoder, retriever):
    """An index of the other kind behind the same windows: vectors that FAISS must look up in lists."""
    stored = cache.index()
    count, dim = len(stored.zooms), stored.facts.dim
    vectors = faiss.deserialize_index(np.array(stored.data)).reconstruct_n(0, count)
    index = faiss.IndexIVFPQ(faiss.IndexFlatIP(dim), dim, 16, 60, 5, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = index.pq.cp.niter = 5
    index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1
    index.train(vectors)
    index.add(vectors)
    facts = stored.facts.model_copy(update={"kind": "ivfpq"})
    other = Retriever(replace(stored, facts=facts, data=faiss.serialize_index(index)), encoder)
    for north_m in (-80, 0, 80):
        picture, place = cut(cache, retriever.zooms[0], *moved(north_m, 40))
        for hint in (None, Hint(place, 50.0)):
            best, same = (r.regions([picture], 1, hint)[0] for r in (retriever, other))
            assert best.point == same.point
            assert same.surprise == pytest.approx(best.surprise, rel=0.3)


def test_an_index_of_another_engine_is_refused(cache, tmp_path):
    other = load_engine(write_engine(tmp_path / "other", WINDOW_PX, name="other", dense=True), threads=1)
    with pytest.raises(CacheError, match="index: built with another engine than other: rebuild"):
        Retriever(cache.index(), other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {"data": np.zeros(1000, np.uint8)}, "is not of the kind and size"),
        (lambda s: {"data": np.array(s.data[: s.data.size // 2])}, "is not of the kind and size"),
        (lambda s: {"zooms": s.zooms[:-1]}, "is not of the kind and size"),
        (lambda s: {"facts": s.facts.model_copy(update={"kind": "ivfpq"})}, "is not of the kind and size"),
        (lambda s: {"data": faiss.serialize_index(faiss.IndexFlatL2(s.facts.dim))}, "is not of the kind and size"),
    ],
)
def test_another_index_than_the_manifest_tells_is_refused(cache, encoder, change, message):
    stored = cache.index()
    with pytest.raises(CacheError, match=f"index: {message}") as caught:
        Retriever(replace(stored, **change(stored)), encoder)
    assert "\n" not in str(caught.value)
    assert str(cache.path) in str(caught.value)


def shipped_engine():
    """An engine with a global head that came with the program."""
    for name in list_engines():
        if load_card(engine_folder(name)).global_head is not None:
            return load_engine(name, threads=1)
    return pytest.skip("no engine with a global head came with the program")


def other_map(data_dir, folder):
    """A strip of Estonia, given corners at which nothing is looked up."""
    path = folder / "estonia.jpg"
    path.symlink_to(data_dir / "open_imagery" / "estonia_tartu" / "ortho_60cm.jpg")
    rgb = cv2.imread(str(path))
    facts = card(rgb, bounds_around(-29.4, -51.9, rgb.shape[1], rgb.shape[0], 0.6), 0.6)
    path.with_suffix(".json").write_text(json.dumps(facts))
    return path


def real_map(data_dir, folder, name):
    for ending in (".jpg", ".json"):
        (folder / f"{name}{ending}").symlink_to(data_dir / "adm" / f"{name}{ending}")
    return folder / f"{name}.jpg"


@pytest.fixture
def retrievers(data_dir, tmp_path, request):
    """Of a real map, and of a map of another place, in reach of the same engine."""
    stand_in = request.param == "stand-in"
    encoder = load_engine(write_engine(tmp_path / "engine", 192), threads=1) if stand_in else shipped_engine()
    paths = (real_map(data_dir, tmp_path, "map_2014-01"), other_map(data_dir, tmp_path))
    boxes = ("-51.9459,-29.4018,-51.9421,-29.3990", "-51.902,-29.5,-51.898,-29.3")
    caches = [TileCache.open(built(path, encoder, box)) for path, box in zip(paths, boxes, strict=True)]
    yield [Retriever(opened.index(), encoder) for opened in caches]
    for opened in caches:
        opened.close()


@pytest.mark.real_data
@pytest.mark.parametrize("retrievers", ["stand-in"], indirect=True)
def test_a_map_of_another_date_finds_its_place(data_dir, retrievers):
    """Windows of the map of March, on the map of January and on a map of another country."""
    here, elsewhere = retrievers
    march = open_source(data_dir / "adm" / "map_2014-03.jpg")
    zoom, side = 18, here.window_px
    answers, scores = [], []
    for lat_deg in np.linspace(-29.4013, -29.3995, 4):
        for lon_deg in np.linspace(-51.9453, -51.9427, 4):
            x, y = (round(v / 48) * 48 + 3 for v in world_px_from_geo(lat_deg, lon_deg, zoom))
            image = march.read(zoom, x - side // 2, y - side // 2, side, side)
            grey = cv2.cvtColor(image.rgb, cv2.COLOR_RGB2GRAY)
            picture = Picture(grey, image.mask, zoom, 0.0, (0.0, 0.0))
            found, wrong = (r.regions([picture], 5) for r in (here, elsewhere))
            answers.append(Answer(tuple(found), GeoPoint(*geo_from_world_px(x, y, zoom))))
            scores.append((found[0].score, wrong[0].score))
    assert recall_at(answers, 5, 30.0) > 0.9
    assert np.mean([own > other for own, other in scores]) > 0.8


@pytest.mark.real_data
@pytest.mark.parametrize("retrievers", ["shipped"], indirect=True)
def test_real_frames_stand_out_on_their_own_map_only(data_dir, retrievers):
    flight = data_dir / "adm" / "flight1"
    camera = load_camera(flight / "camera.json")
    own, other = [], []
    with (flight / "sensors.csv").open() as file:
        rows = list(csv.DictReader(file))[:80:8]
    for row in rows:
        image = cv2.imread(str(next((flight / "frames").glob(f"{row['frame']}.*"))), cv2.IMREAD_GRAYSCALE)
        ned_from_body = rotation_from_rpy(0.0, 0.0, math.radians(float(row["heading_deg"])))
        for retriever, scores in zip(retrievers, (own, other), strict=True):
            turns, agl_m = heading_turns(math.radians(4.0)), float(row["agl_m"])
            pictures = query_pictures(
                image, camera, ned_from_body, agl_m, turns, -29.4, retriever.zooms, retriever.window_px,
                math.radians(60.0),
            )  # fmt: skip
            scores += [region.score for region in retriever.regions(pictures, 1)]
    assert len(own) == len(other) == len(rows)
    assert np.median(own) > np.median(other) + 0.03
    assert np.mean(np.array(own) > np.array(other)) >= 0.8
