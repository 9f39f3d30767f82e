"""The report as people use it: in a real Chromium, with pointer, keys, a phone and at night."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browser import CONTRAST, at_pixel, chromium, open_page, painted, press, requested, settle, text
from flights import MISCHIEF, content

from uavloc.report import report_html

FRAMES = 60


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report_html(content(FRAMES)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def opened(driver: Any, page: Path) -> Iterator[Any]:
    """The page, afresh; after the test it must not have complained, nor asked for anything but itself."""
    requested(driver)
    driver.get_log("browser")
    open_page(driver, page)
    yield driver
    assert driver.get_log("browser") == []
    assert [url for url in requested(driver) if not url.startswith("data:")] == [page.as_uri()]


def scrub(driver: Any, index: int) -> None:
    driver.execute_script(
        "const s = document.getElementById('scrub'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))", index
    )
    settle(driver)


def test_scrubbing_shows_the_frame_its_pictures_and_its_numbers(opened: Any) -> None:
    before = painted(opened)
    scrub(opened, 33)
    assert text(opened, "frame-title") == "Frame 033"
    assert "34 / 60 · 33.0 s · FIX" in text(opened, "clock")
    assert "2.0 m" in text(opened, "readout")
    assert painted(opened) != before
    shown = "return [...document.querySelectorAll('.pictures img')].map((i) => i.complete && i.naturalWidth > 0)"
    assert opened.execute_script(shown) == [True] * 4


def test_a_frame_without_a_picture_shows_none(opened: Any) -> None:
    scrub(opened, 0)
    assert text(opened, "badge") == "NO_IMAGE: no picture"
    assert "not known" in text(opened, "readout")
    has = "return [...document.querySelectorAll('.shot')].map((s) => s.classList.contains('has'))"
    assert opened.execute_script(has) == [False] * 4


def test_a_false_position_stands_out(opened: Any) -> None:
    scrub(opened, 59)
    assert opened.execute_script("return document.querySelector('#readout .bad').textContent").startswith("80.0 m")


@pytest.mark.parametrize("layer", ["map", "truth", "track", "marks", "ellipses", "fit"])
def test_every_layer_can_be_switched(opened: Any, layer: str) -> None:
    scrub(opened, 31)
    before = painted(opened)
    opened.execute_script("document.getElementById(arguments[0]).click()", f"layer-{layer}")
    assert painted(opened) != before
    opened.execute_script("document.getElementById(arguments[0]).click()", f"layer-{layer}")
    assert painted(opened) == before


def test_pointing_at_a_plot_tells_and_pressing_goes_there(opened: Any) -> None:
    width = opened.execute_script("return document.querySelector('.plot svg.drawn').clientWidth")
    middle = 46 + 0.5 * (width - 46 - 8)
    at_pixel(opened, ".plot svg.drawn", middle, 60)
    tip = opened.execute_script(
        "return [...document.querySelectorAll('.plot .tip')].find((t) => !t.hidden).textContent"
    )
    assert "error 2.0 m" in tip
    at_pixel(opened, ".plot svg.drawn", middle, 60, click=True)
    assert text(opened, "frame-title") in {"Frame 029", "Frame 030"}


def test_pointing_at_a_mark_on_the_map_tells_and_pressing_goes_there(opened: Any) -> None:
    scrub(opened, 23)
    opened.execute_script("document.getElementById('follow').click()")
    x, y = opened.execute_script(
        "const m = document.getElementById('map'); return [m.clientWidth / 2, m.clientHeight / 2]"
    )
    scrub(opened, 50)
    opened.execute_script("document.getElementById('follow').click()")
    scrub(opened, 3)
    at_pixel(opened, "#map", x, y)
    assert text(opened, "tip").startswith("050 · 50.0 s")
    at_pixel(opened, "#map", x, y, click=True)
    assert text(opened, "frame-title") == "Frame 050"


def test_keys_alone_are_enough(opened: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    order = []
    for _ in range(20):
        press(opened, Keys.TAB)
        order.append(opened.execute_script("const e = document.activeElement; return e.id || e.textContent"))
    layers = [f"layer-{name}" for name in ("map", "truth", "track", "marks", "ellipses", "fit")]
    assert order[:12] == ["Skip to the frame slider", "zoom-in", "zoom-out", "zoom-fit", "follow", "map", *layers]
    assert order[12:17] == ["Effective configuration", "back", "play", "forth", "scrub"]
    opened.execute_script("document.getElementById('scrub').focus()")
    press(opened, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert text(opened, "frame-title") == "Frame 002"
    opened.execute_script("document.getElementById('map').focus()")
    before = painted(opened)
    press(opened, "+")
    assert painted(opened) != before
    press(opened, "0")
    assert painted(opened) == before


def test_it_plays(opened: Any) -> None:
    opened.execute_script("document.getElementById('play').click()")
    assert opened.execute_script("return document.getElementById('play').ariaLabel") == "Pause"
    time.sleep(0.6)
    opened.execute_script("document.getElementById('play').click()")
    assert opened.execute_script("return document.getElementById('play').ariaLabel") == "Play"
    assert int(text(opened, "frame-title").split()[1]) >= 2


def test_everything_has_a_name_for_those_who_do_not_see_it(opened: Any) -> None:
    nodes = opened.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    told = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]]
    roles = {"button", "checkbox", "slider", "image", "link", "region"}
    named = [(role, name) for role, name in told if role in roles]
    assert {role for role, _ in named} >= {"button", "checkbox", "slider", "image"}
    assert [role for role, name in named if not name.strip()] == []
    assert any(role == "image" and "median" in name for role, name in named)
    headings = opened.execute_script("return [...document.querySelectorAll('h1,h2,h3')].map((h) => +h.tagName[1])")
    assert headings[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(headings))
    assert opened.execute_script("return document.documentElement.lang") == "en"
    scrub(opened, 7)
    spoken = opened.execute_script("return document.getElementById('scrub').getAttribute('aria-valuetext')")
    assert spoken == "Frame 007, 7.0 s, FIX, error 2.0 m"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(driver: Any, page: Path, scheme: str) -> None:
    open_page(driver, page, scheme=scheme)
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(int(v) for v in background[4:-1].split(",")) < 300) == (scheme == "dark")
    assert driver.execute_script(CONTRAST) == []


@pytest.mark.parametrize(("width", "height"), [(360, 740), (768, 1024)])
def test_a_phone_and_a_tablet_show_it_without_sideways_scrolling(
    driver: Any, page: Path, width: int, height: int
) -> None:
    open_page(driver, page, width, height)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    small = (
        "return [...document.querySelectorAll('button, #scrub')].filter((e) => e.checkVisibility() && "
        "Math.min(e.offsetWidth, e.offsetHeight) < 32).map((e) => e.id)"
    )
    assert driver.execute_script(small) == []
    seen = driver.execute_script("const b = document.querySelector('.bar').getBoundingClientRect(); return b.bottom")
    assert seen == pytest.approx(height, abs=1)


@pytest.mark.parametrize(("frames", "truth"), [(0, True), (1, True), (2, False)])
def test_the_smallest_flights_make_a_page(driver: Any, tmp_path: Path, frames: int, truth: bool) -> None:
    path = tmp_path / "report.html"
    path.write_text(report_html(content(frames, truth=truth)), encoding="utf-8")
    driver.get_log("browser")
    open_page(driver, path)
    assert driver.execute_script("return document.documentElement.dataset.ready") == "yes"
    assert driver.get_log("browser") == []


def test_names_that_mean_mischief_are_only_shown(driver: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(report_html(content(8, MISCHIEF)), encoding="utf-8")
    requested(driver)
    driver.get_log("browser")
    open_page(driver, path)
    assert text(driver, "title") == MISCHIEF
    assert driver.title.startswith("</script>")
    assert driver.get_log("browser") == []
    assert [url for url in requested(driver) if not url.startswith("data:")] == [path.as_uri()]


def test_five_hundred_frames_take_less_than_two_seconds_of_work(driver: Any, tmp_path: Path) -> None:
    """Time of the page's thread on the processor, so that a busy machine does not matter."""
    path = tmp_path / "report.html"
    path.write_text(report_html(content(500)), encoding="utf-8")
    driver.get("about:blank")
    driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    open_page(driver, path)
    scrub(driver, 250)
    assert text(driver, "frame-title") == "Frame 250"
    metrics = {m["name"]: m["value"] for m in driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]}
    driver.execute_cdp_cmd("Performance.disable", {})
    assert 0.0 < metrics["TaskDuration"] < 2.0, metrics
