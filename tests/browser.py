"""A real Chromium, without a window, that remembers what the page asked the network for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


def chromium_or_skip() -> tuple[str, str]:
    """Paths of the browser and its driver; skips the test, and says what is missing, where there is none."""
    pytest.importorskip("selenium", reason="pages are driven with selenium: pip install 'uavloc[dev]'")
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("pages are driven in Chromium: apt install chromium chromium-driver")
    return browser, driver


@contextmanager
def chromium() -> Iterator[Any]:
    """A driver; skips where there is no browser."""
    path, driver_path = chromium_or_skip()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = path
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(driver_path))
    try:
        yield driver
    finally:
        driver.quit()


CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
"""Gives the texts of a page that cannot be read well."""


def open_page(driver: Any, page: Path | str, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
    """Load a page afresh at a size and in a colour scheme."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    driver.get(page.as_uri() if isinstance(page, Path) else page)
    settle(driver)


def settle(driver: Any) -> None:
    """Wait until two frames are painted."""
    driver.execute_async_script("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))")


def requested(driver: Any) -> list[str]:
    """Addresses asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def text(driver: Any, id_: str) -> str:
    return driver.execute_script("return document.getElementById(arguments[0]).textContent", id_)


def painted(driver: Any) -> str:
    settle(driver)
    return driver.execute_script("return document.getElementById('map').toDataURL()")


def press(driver: Any, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(driver).send_keys(*keys).perform()
    settle(driver)


def at_pixel(driver: Any, selector: str, x: float, y: float, click: bool = False) -> None:
    """Point at a place of an element, from its upper left corner."""
    corner = driver.execute_script(
        "const e = document.querySelector(arguments[0]); e.scrollIntoView({block: 'center', behavior: 'instant'}); "
        "const b = e.getBoundingClientRect(); return [b.x, b.y]", selector,
    )  # fmt: skip
    where = {"x": corner[0] + x, "y": corner[1] + y, "button": "left", "clickCount": 1}
    driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", **where, "button": "none"})
    for kind in ("mousePressed", "mouseReleased") if click else ():
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **where})
    settle(driver)
