"""Commands that write caches never lose a signature unseen, and can sign what they make."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from mapfiles import write_map
from program import at_once, is_refused

from uavloc.cache.keys import load_private, make_keys
from uavloc.cache.signature import MARKER, Signer, sign_cache, signed_by
from uavloc.tiles import verify

LAT, LON, GSD_M, SIZE = 47.4, 8.5, 0.5, 300
WEST, EAST = f"{LON - 0.01},{LAT - 0.01},{LON},{LAT + 0.01}", f"{LON},{LAT - 0.01},{LON + 0.01},{LAT + 0.01}"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A private key and its public digits."""
    private = tmp_path_factory.mktemp("keys") / "fleet.key"
    _, digits = make_keys(private)
    return private, digits.hex()


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """West and east of one picture, not signed."""
    folder = tmp_path_factory.mktemp("halves")
    picture = write_map(folder / "ground.png", LAT, LON, SIZE, GSD_M)
    words = ("build", "--engine", "gradient", "--source", picture)
    for name, region in (("west", WEST), ("east", EAST)):
        assert at_once(*words, "--region", region, "--out", folder / f"{name}.mbtiles").code == 0
    return [folder / "west.mbtiles", folder / "east.mbtiles"]


@pytest.fixture
def signed(halves, keys, tmp_path):
    """Copies of both, signed."""
    copies = [Path(shutil.copy(half, tmp_path / half.name)) for half in halves]
    for copy in copies:
        sign_cache(copy, Signer(load_private(keys[0])))
    return copies


@pytest.mark.parametrize(
    ("words", "same"),
    [(("merge",), ()), (("extract",), ("--region", f"{LON - 0.001},{LAT - 0.0005},{LON - 0.0002},{LAT + 0.0005}"))],
)
def test_what_is_made_of_caches_can_be_signed(signed, keys, tmp_path, caplog, words, same):
    caches, out = signed if words == ("merge",) else signed[:1], tmp_path / "out.mbtiles"
    ran = at_once("cache", *words, *caches, *same, "--out", out)
    assert ran.code == 0, ran.err
    assert signed_by(out) is None
    assert f"west.mbtiles: is signed with key {keys[1]}, the result is not signed: give --sign KEY" in caplog.text
    caplog.clear()
    ran = at_once("cache", *words, *caches, *same, "--out", out, "--sign", keys[0])
    assert ran.code == 0, ran.err
    assert keys[1] in ran.out
    assert not caplog.records
    verify(out, keys[1])
    before = out.read_bytes()
    is_refused(at_once("cache", *words, *caches, *same, "--out", out), "out.mbtiles: is signed with key", "--sign KEY")
    assert out.read_bytes() == before


def test_who_signs_is_told_whose_work_it_vouches_for(signed, halves, tmp_path, caplog):
    other = tmp_path / "other.key"
    make_keys(other)
    words = ("cache", "merge", signed[0], halves[1], "--out", tmp_path / "out.mbtiles", "--sign", other)
    assert at_once(*words).code == 0
    assert "west.mbtiles: is signed with key" in caplog.text
    assert "east.mbtiles: is not signed: your signature of the result vouches for it, too" in caplog.text


def test_a_cache_that_only_claims_the_key_is_not_signed_for(signed, keys, tmp_path):
    content = bytearray(signed[0].read_bytes())
    content[content.rfind(MARKER) + len(MARKER) + 40] ^= 1
    signed[0].write_bytes(content)
    words = ("cache", "merge", *signed, "--out", tmp_path / "out.mbtiles", "--sign", keys[0])
    is_refused(at_once(*words), "west.mbtiles: signature: does not fit")
    assert not (tmp_path / "out.mbtiles").exists()


def test_an_extract_can_be_widened(halves, tmp_path):
    line = {"type": "LineString", "coordinates": [[LON - 0.0003, LAT], [LON - 0.0003, LAT + 0.0001]]}
    way, sizes = tmp_path / "way.geojson", []
    way.write_text(json.dumps(line))
    for buffer_m in (5, 30):
        out = tmp_path / f"{buffer_m}.mbtiles"
        ran = at_once("cache", "extract", halves[0], "--region", way, "--buffer", buffer_m, "--out", out)
        assert ran.code == 0, ran.err
        assert f"{buffer_m} m to every side" in ran.out
        west, _, east, _ = json.loads(at_once("inspect", out, "--json").out)["manifest"]["region_bounds_deg"]
        sizes.append((east - west) * 75_450.0)
    assert sizes == [pytest.approx(10.0, abs=0.3), pytest.approx(60.0, abs=0.7)]
    is_refused(at_once("cache", "extract", halves[0], "--region", "full", "--buffer", 5, "--out", out), "--buffer")


def test_inspect_says_one_thing_of_one_zoom(halves):
    shown = at_once("inspect", halves[0]).out
    finest = re.search(r"map +.* ([\d.]+) m per pixel at its finest", shown)[1]
    assert f"tiles, {finest} m per pixel" in shown


def test_diff_tells_signed_from_unsigned(signed, halves, keys):
    shown = at_once("cache", "diff", halves[0], signed[0]).out
    assert "A: none" in shown
    assert f"B: {keys[1]}" in shown
    found = json.loads(at_once("cache", "diff", signed[0], halves[0], "--json").out)
    assert found["facts"] == {"signed_with": [keys[1], None]}
    assert found["same_content"], "the content is the same: only who vouches for it differs"
    assert json.loads(at_once("cache", "diff", signed[0], signed[0], "--json").out)["facts"] == {}
