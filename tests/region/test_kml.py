"""KML and KMZ as Google Earth saves them; bombs of either kind are refused in little memory."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from missions import kml, kml_line, kml_point, kml_polygon, kml_track, placemark, write_kmz, write_text
from program import ENVIRONMENT

from uavloc.errors import RegionError
from uavloc.publish.kml import KmlTrack
from uavloc.region import MAX_FILE_BYTES, Region, parse_area
from uavloc.types import Estimate, GeoPoint, Outcome

RING = [(47.0, 8.0), (47.0, 8.1), (47.1, 8.1), (47.1, 8.0), (47.0, 8.0)]
HOLE = [(47.04, 8.04), (47.06, 8.04), (47.06, 8.06), (47.04, 8.06), (47.04, 8.04)]
WAY = [(47.2, 8.0), (47.2, 8.1)]


def holds(region: Region, *places: tuple[float, float]) -> list[bool]:
    lats, lons = zip(*places, strict=True)
    return region.contains(np.array(lats), np.array(lons)).tolist()


def point(coordinates: str) -> str:
    return f"<Point><coordinates>{coordinates}</coordinates></Point>"


def refused(path: str, message: str) -> None:
    with pytest.raises(RegionError, match=message) as caught:
        parse_area(path, [])
    assert Path(path).name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_geometry_of_every_folder(tmp_path):
    multi = f"<MultiGeometry>{kml_line(WAY)}{kml_polygon([(p[0] + 1, p[1]) for p in RING])}</MultiGeometry>"
    document = kml(
        placemark(kml_polygon(RING, HOLE), "Field &amp; wood"), placemark(multi),
        placemark(kml_track([(47.3, 8.0), (47.3, 8.1)])), placemark(kml_point((47.4, 8.0))),
    )  # fmt: skip
    area = parse_area(write_text(tmp_path / "a.kml", document), [], 30.0)
    inside = [(47.01, 8.01), (48.05, 8.05), (47.2, 8.05), (47.3, 8.05), (47.4, 8.0)]
    assert holds(area.region, *inside, (47.05, 8.05), (47.5, 8.0)) == [True] * 5 + [False] * 2
    assert area.drawn.startswith("2 polygons, 2 lines, 1 point (")


def test_names_with_prefixes_and_other_encodings(tmp_path):
    text = (
        '<?xml version="1.0" encoding="UTF-16"?><k:kml xmlns:k="http://www.opengis.net/kml/2.2"><k:Placemark><k:Point>'
        "<k:coordinates>8.5,47.5</k:coordinates></k:Point></k:Placemark></k:kml>"
    )
    path = tmp_path / "a.kml"
    path.write_bytes(text.encode("utf-16"))
    assert holds(parse_area(str(path), []).region, (47.5, 8.5)) == [True]


def test_an_open_ring_is_closed(tmp_path):
    area = parse_area(write_text(tmp_path / "a.kml", kml(placemark(kml_polygon(RING[:-1])))), [])
    assert holds(area.region, (47.05, 8.05)) == [True]


def test_our_own_track_is_a_region(tmp_path):
    publisher = KmlTrack(tmp_path / "track.kml")
    for i in range(3):
        publisher.publish(Estimate(i, f"{i}", Outcome.GATED, GeoPoint(47.0, 8.0 + i / 100), np.eye(2)))
    publisher.close()
    area = parse_area(str(tmp_path / "track.kml"), [])
    assert area.drawn == "1 line (1.52 km)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not XML"),
        ("<kml><Document></kml>", "not XML: mismatched tag"),
        ("<gpx/>", "not KML: its outermost element is <gpx>"),
        (kml(), "no placemark has a polygon, a line or a point"),
        (kml(placemark("<Model/>")), "no placemark has"),
        (kml("<NetworkLink><Link><href>http://127.0.0.1/</href></Link></NetworkLink>"), "links .* are not followed"),
        (kml(placemark(point(" "), "Base")), "placemark 0 'Base': coordinates: are empty"),
        (kml(placemark(point("8.5"))), "'8.5' is not longitude, latitude"),
        (kml(placemark(point("8.5, 47.5"))), "'8.5,' is not longitude"),
        (kml(placemark(point("nan,47"))), "nan is not a finite"),
        (kml(placemark(point("691000,5340000"))), "691000 is beyond.*WGS84"),
        (kml(placemark("<Polygon/>")), "Polygon: needs one outerBoundaryIs"),
        (kml(placemark(kml_polygon(RING[:2]))), "a ring needs three or more different positions"),
        (kml(placemark(kml_polygon([RING[i] for i in (0, 2, 1, 3, 0)]))), "polygon 0: .*Self-intersection"),
        (kml(placemark(kml_line([(10, 179.9), (10, -179.9)]))), "crosses the antimeridian"),
        ("<kml>" + "<Folder>" * 150 + "</Folder>" * 150 + "</kml>", "elements deep"),
        ('<?xml version="1.0" encoding="klingon"?><kml/>', "not XML"),
    ],
)  # fmt: skip
def test_kml_that_cannot_be(tmp_path, text, message):
    refused(write_text(tmp_path / "a.kml", text), message)


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY a "8.5,47.5 ">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><kml><Placemark><LineString><coordinates>&i;</coordinates></LineString></Placemark></kml>"
)


@pytest.mark.parametrize(
    "text", [BOMB, '<!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]><kml><Placemark>&x;</Placemark></kml>']
)
def test_entities_are_not_expanded(tmp_path, text):
    refused(write_text(tmp_path / "a.kml", text), "entities")


def test_the_document_of_a_kmz_is_found(tmp_path):
    drawn = kml(placemark(kml_polygon(RING)))
    other = kml(placemark(kml_point((0.5, 0.5)))).encode()
    for name, others in (
        ("doc.kml", {"a.kml": other, "files/x.png": b"x"}),
        ("Field.kml", {"files/b.kml": other}),
    ):
        area = parse_area(write_kmz(tmp_path / "a.kmz", drawn, name, **others), [])
        assert holds(area.region, (47.05, 8.05), (0.5, 0.5)) == [True, False]


def _bomb(folder: Path, name: str) -> str:
    """256 MiB of blanks in a quarter of one, where a KML should be."""
    path = folder / "bomb.kmz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w", force_zip64=True) as file:
        for _ in range(256):
            file.write(b" " * (1 << 20))
    return str(path)


def test_a_zip_bomb_is_refused_in_little_memory(tmp_path):
    path = _bomb(tmp_path, "doc.kml")
    script = (
        "import re, sys; from pathlib import Path; from uavloc.region import parse_area\n"
        "try: parse_area(sys.argv[1], [])\n"
        "except Exception as error: print(error)\n"
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    words = [sys.executable, "-c", script, path]
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    told, peak_kb = done.stdout.splitlines()
    assert told.endswith(f"doc.kml: unpacks to more than {MAX_FILE_BYTES >> 20} MiB; simplify it")
    assert int(peak_kb) < 250_000


def test_a_zip_in_a_zip_stays_packed(tmp_path):
    inner = Path(_bomb(tmp_path, "doc.kml")).read_bytes()
    refused(write_kmz(tmp_path / "a.kmz", inner, "inner.kmz"), "holds no .kml file")


def test_kmz_that_cannot_be(tmp_path):
    whole = Path(write_kmz(tmp_path / "whole.kmz", kml(placemark(kml_point((47.0, 8.0)))))).read_bytes()
    broken = {
        "text.kmz": (b"hello", "not a KMZ"),
        "cut.kmz": (whole[:-30], "not a KMZ"),
        "flipped.kmz": (whole[:60] + bytes([whole[60] ^ 255]) + whole[61:], "unpacked|not a KMZ"),
        "huge.kmz": (b"PK" + bytes(MAX_FILE_BYTES), "larger than 16 MiB"),
    }
    for name, (content, message) in broken.items():
        path = tmp_path / name
        path.write_bytes(content)
        refused(str(path), message)
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", method) as archive:
            archive.writestr("doc.kml", kml())
        path = tmp_path / "method.kmz"
        path.write_bytes(stream.getvalue())
        refused(str(path), "packed in a way that KMZ does not know")


def test_a_locked_kmz_is_refused(tmp_path):
    content = bytearray(Path(write_kmz(tmp_path / "a.kmz", kml(placemark(kml_point((47.0, 8.0)))))).read_bytes())
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.kmz").write_bytes(content)
    refused(str(tmp_path / "a.kmz"), "cannot be unpacked: .*encrypted")
