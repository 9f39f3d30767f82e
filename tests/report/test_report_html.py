"""The report as a file: one, closed to the network, bounded in size, the same every time."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from flights import MISCHIEF, content
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.report import report_html
from uavloc.report.data import page_data
from uavloc.report.html import json_in_html
from uavloc.report.thumbnails import Shrinker

REPO = Path(__file__).resolve().parents[2]


class Parts(HTMLParser):
    """The elements of a page with their attributes, and the text of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inner: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] in {"script", "style"} and data.strip():
            self.inner.append((self.elements[-1][0], data))


def test_nothing_is_fetched_and_only_what_is_named_runs() -> None:
    page = report_html(content(6))
    parts = Parts(page)
    policy = next(a["content"] for _, a in parts.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    style = next(text for tag, text in parts.inner if tag == "style")
    program = parts.inner[-1][1]
    for text, rule in ((style, rules["style-src"]), (program, rules["script-src"])):
        assert rule == "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
    assert not [a for _, a in parts.elements if str(a.get("src") or a.get("href") or "").startswith(("http", "//"))]
    assert not [name for _, a in parts.elements for name in a if name.startswith("on") or name == "style"]
    assert set(re.findall(r"https?://[^\s\"'`]+", style + program)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(eval|fetch|XMLHttpRequest|WebSocket|innerHTML|localStorage)\b", program)


@settings(max_examples=50)
@given(st.recursive(st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), st.lists))
def test_json_in_a_page_comes_back_and_never_ends_its_element(value: object) -> None:
    text = json_in_html(value)
    assert json.loads(text) == value
    assert not set("<>&") & set(text)


def test_mischief_stays_data() -> None:
    calm, mischief = Parts(report_html(content(6))), Parts(report_html(content(6, MISCHIEF)))
    assert [tag for tag, _ in calm.elements] == [tag for tag, _ in mischief.elements]


def test_the_same_flight_gives_the_same_bytes() -> None:
    assert report_html(content(9)) == report_html(content(9))


def test_ellipses_are_those_of_the_covariance() -> None:
    flight = content(9)
    frames = page_data(flight)["frames"]
    for estimate, shape in zip(flight.estimates, frames["ellipse"], strict=True):
        if estimate.cov_ne_m2 is None:
            assert shape is None
            continue
        major, minor, azimuth = shape[0], shape[1], np.radians(shape[2])
        turn = np.array([[np.cos(azimuth), -np.sin(azimuth)], [np.sin(azimuth), np.cos(azimuth)]])
        again = turn @ np.diag(np.square([major, minor]) / 5.991) @ turn.T
        assert again == pytest.approx(estimate.cov_ne_m2, rel=0.01, abs=0.1)


def test_thumbnails_keep_to_their_bytes() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    shrinker = Shrinker(4000)
    sizes = [len(shrinker.webp(noise)) for _ in range(3)]
    assert max(sizes) <= 4000
    assert len(Shrinker(40_000).webp(np.zeros((480, 640), np.uint8))) < 1000


def test_the_package_brings_the_page(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="building a wheel needs hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=REPO, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    page = REPO / "uavloc" / "report" / "page"
    assert {f"uavloc/report/page/{path.name}" for path in page.iterdir()} <= inside
