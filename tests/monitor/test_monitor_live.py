"""The monitor of a flight that goes on: a real process, real sockets, a real browser."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import select
import socket
import sqlite3
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import mercantile
import pytest
from browser import CONTRAST, chromium, open_page, requested, settle, text
from copter import GEOD, Copter
from flightprogram import Onboard, until
from program import Flown, uavloc

websockets = pytest.importorskip("websockets", reason="the monitor needs its extra: pip install 'uavloc[monitor]'")
pytest.importorskip("websockets.exceptions")
pytest.importorskip("prometheus_client", reason="the monitor needs its extra: pip install 'uavloc[monitor]'")

SECRET = "a-long-word-for-this-test"
DOCS = Path(__file__).parents[2] / "docs" / "monitor.md"
BEARER = {"Authorization": f"Bearer {SECRET}"}


@dataclass
class Served:
    """A monitor that asks for a secret."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def own(self) -> dict[str, str]:
        return {"Origin": self.url.rstrip("/")}

    def ask(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: Any = None,
        source: str = "127.0.0.1",
    ) -> tuple[int, dict[str, str], bytes]:  # fmt: skip
        """Status, headers (names in small letters) and content of an answer to who asks from an address."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10.0, source_address=(source, 0))
        try:
            connection.request(method, path, body, BEARER if headers is None else headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def order(self, what: Any, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        body = what if isinstance(what, bytes) else json.dumps(what).encode()
        more = {"Content-Type": "application/json"} | (BEARER if headers is None else headers)
        return self.ask("/orders", more, "POST", body)[::2]

    def heard(self, count: int, **more: Any) -> list[tuple[float, dict[str, Any]]]:
        """So many messages, and when each came."""

        async def listen() -> list[tuple[float, dict[str, Any]]]:
            async with self.connected(**more) as live:
                return [(time.monotonic(), json.loads(await asyncio.wait_for(live.recv(), 10.0))) for _ in range(count)]

        return asyncio.run(listen())

    def connected(self, **more: Any) -> Any:
        return websockets.connect(
            f"ws://127.0.0.1:{self.port}/live", max_size=None, **{"additional_headers": BEARER, **more}
        )


@dataclass
class Watched(Served):
    """That of a flight."""

    onboard: Onboard
    copter: Copter


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def monitor(folder: Path, host: str, port: int) -> str:
    """The section of a configuration in a folder below, with the secret in this one."""
    secret = folder / "secret"
    secret.touch(0o600)
    secret.write_text(SECRET)
    return f'[monitor]\nlisten = "{host}:{port}"\ntoken = "../secret"\n'


@pytest.fixture(scope="module")
def flight(flown: Flown, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder, port = tmp_path_factory.mktemp("monitor"), free_port()
    more = "[publish]\nmax_age_s = 900.0\n[integrity]\nmax_std_m = 500.0\n"
    onboard = Onboard(folder / "run", flown, flown.start, more + monitor(folder, "127.0.0.1", port))
    with onboard, Copter(flown.log, onboard.pictures, onboard.port, speedup=0.6) as copter:
        until(lambda: onboard.status()["links"][0]["synced"])
        copter.fly()
        until(lambda: len(copter.positions()) > 15)
        yield Watched(port, onboard, copter)


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def opened(driver: Any, flight: Watched) -> Iterator[Any]:
    """The page, live; after the test it must not have complained, nor asked for anything beyond this program."""
    requested(driver)
    driver.get_log("browser")
    open_page(driver, f"{flight.url}?token={SECRET}")
    wait(driver, "document.getElementById('scrub').max > 2 && document.getElementById('health').rows.length > 5")
    yield driver
    assert driver.get_log("browser") == []
    beyond = [url for url in requested(driver) if not url.startswith(("data:", flight.url, "about:"))]
    assert beyond == []


def wait(driver: Any, condition: str) -> None:
    until(lambda: driver.execute_script(f"return Boolean({condition})"))


def click(driver: Any, id_: str) -> None:
    driver.execute_script("document.getElementById(arguments[0]).click()", id_)
    settle(driver)


def test_the_page_opens_with_the_secret_and_moves(opened: Any, flight: Watched) -> None:
    assert opened.current_url == flight.url
    assert text(opened, "state") == "Position published"
    frames = opened.execute_script("return +document.getElementById('scrub').max")
    wait(opened, f"+document.getElementById('scrub').max > {frames + 1}")
    wait(opened, "[...document.querySelectorAll('.pictures img')].every((i) => i.complete && i.naturalWidth > 0)")
    assert re.search(r"FIX\d", text(opened, "key"))
    assert "ardupilot-vision" in text(opened, "health")
    assert "m" in text(opened, "headline")
    assert opened.execute_script("return document.getElementById('follow').ariaPressed") == "true"
    tile = "[...document.querySelectorAll('#headline div')].find((e) => e.firstChild.textContent === 'heading')"
    shown = set()
    for _ in range(60):
        settle(opened)
        shown.add(opened.execute_script(f"return {tile}.lastChild.textContent"))
    assert all(re.fullmatch(r"\d{1,3}°", each) for each in shown), shown
    assert opened.execute_script("return document.querySelectorAll('.plot').length") == 3
    image = "return document.getElementById('map').toDataURL()"
    before = opened.execute_script(image)
    until(lambda: opened.execute_script(image) != before)


def test_looking_at_an_older_frame_is_not_taken_away(opened: Any) -> None:
    click(opened, "back")
    click(opened, "back")
    held = text(opened, "frame-title")
    frames = opened.execute_script("return +document.getElementById('scrub').max")
    wait(opened, f"+document.getElementById('scrub').max > {frames}")
    assert text(opened, "frame-title") == held
    assert opened.execute_script("return document.getElementById('newest').ariaPressed") == "false"
    click(opened, "newest")
    wait(opened, f"document.getElementById('frame-title').textContent !== '{held}'")


def test_a_hint_is_pointed_at_on_the_map_and_arrives(opened: Any, flight: Watched) -> None:
    click(opened, "follow")
    click(opened, "pick")
    where = opened.execute_script(
        "const m = document.getElementById('map'); m.scrollIntoView({block: 'center', behavior: 'instant'}); "
        "const b = m.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]"
    )
    for kind in ("mousePressed", "mouseReleased"):
        mouse = {"type": kind, "x": where[0], "y": where[1] - 30, "button": "left", "clickCount": 1}
        opened.execute_cdp_cmd("Input.dispatchMouseEvent", mouse)
    settle(opened)
    lat, lon = (
        float(opened.execute_script("return document.getElementById(arguments[0]).value", name))
        for name in ("hint-lat", "hint-lon")
    )
    there = flight.copter.place(flight.copter.flown_s)
    away_m = GEOD.inv(there[1], there[0], lon, lat)[2]
    assert away_m < 120.0, "the map followed the vehicle until then, and north is up"
    click(opened, "send")
    wait(opened, "document.getElementById('said').textContent.startsWith('hint taken')")
    assert f"{lat:.6f},{lon:.6f} within 82 m (1 sigma)" in flight.onboard.said
    wait(opened, "document.getElementById('journal').textContent.includes('hint: ')")
    click(opened, "follow")


def test_pausing_takes_two_presses_and_resuming_one(opened: Any, flight: Watched) -> None:
    def paused() -> bool:
        return bool(flight.onboard.status()["publishing"]["paused"])

    click(opened, "pause")
    assert text(opened, "pause") == "Press again to pause"
    assert not paused()
    click(opened, "pause")
    until(paused)
    wait(opened, "document.getElementById('pause').textContent === 'Resume positions'")
    assert text(opened, "state") == "No position: paused by the operator"
    assert "paused: no positions" in text(opened, "advice")
    click(opened, "pause")
    until(lambda: not paused())


def test_it_tells_ten_times_a_second_where_the_vehicle_is(flight: Watched) -> None:
    heard = flight.heard(40)
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(heard)]
    assert statistics.median(gaps) == pytest.approx(0.1, abs=0.03)
    headings = [message["now"]["heading"] for _, message in heard if message["now"]["at"]]
    assert len(headings) > 30
    assert None not in headings, "between frames too, which come less than twice a second"
    first, *rest = (message for _, message in heard)
    assert first["reset"] is True
    assert len(first["frames"]) > 3
    assert not any("reset" in message or "map" in message for message in rest)
    assert 2 <= sum("status" in message for message in rest) <= 8
    now = heard[-1][1]["now"]
    there = flight.copter.place(flight.copter.flown_s)
    assert GEOD.inv(now["lon"], now["lat"], there[1], there[0])[2] < 20.0
    side = 256 * 2 ** first["map"]["zoom"]
    x, y = mercantile.xy(now["lon"], now["lat"])
    edge = mercantile.CE / 2.0
    world = ((x + edge) / (2.0 * edge) * side, (edge - y) / (2.0 * edge) * side)
    origin = first["map"]["origin"]
    assert now["at"] == pytest.approx([world[0] - origin[0], world[1] - origin[1]], abs=0.5)


def test_tiles_are_those_of_the_cache(flight: Watched, flown: Flown) -> None:
    facts = flight.heard(1)[0][1]["map"]
    with sqlite3.connect(flown.cache) as db:
        zoom, column, tms_row, data = db.execute("SELECT * FROM tiles ORDER BY zoom_level DESC LIMIT 1").fetchone()
    row = 2**zoom - 1 - tms_row
    status, headers, body = flight.ask(f"/tiles/{facts['key']}/{zoom}/{column}/{row}")
    assert (status, body) == (200, data)
    assert headers["content-type"].startswith("image/")
    assert "immutable" in headers["cache-control"]
    for path in (
        f"/tiles/{'0' * 16}/{zoom}/{column}/{row}",
        f"/tiles/{facts['key']}/{zoom}/{column + 5000}/{row}",
        f"/tiles/{facts['key']}/99/0/0",
        f"/tiles/{facts['key']}/{10**30}/0/0",
        f"/tiles/{facts['key']}/{'9' * 5000}/0/0",
        f"/tiles/{facts['key']}/..%2f..%2fetc/passwd/1",
    ):
        assert flight.ask(path)[0] == 404


def test_metrics_are_read_by_prometheus_and_documented(flight: Watched) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    status, headers, body = flight.ask("/metrics")
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/plain")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    values = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    told = flight.onboard.status()
    assert values[("uavloc_position_published",)] == 1.0
    assert values[("uavloc_link_connected", ("link", told["links"][0]["url"]))] == 1.0
    fixes = values[("uavloc_outcomes_total", ("outcome", "FIX"))]
    assert 0 < fixes <= told["outcomes"]["FIX"]
    assert values[("uavloc_resident_memory_bytes",)] == pytest.approx(told["memory_mb"] * 2**20, rel=0.3)
    stages = {dict(key[1:])["stage"] for key in values if key[0] == "uavloc_stage_duration_seconds"}
    assert {"total", "exposure to message", "between messages"} <= stages
    assert all(0.0 <= v < 60.0 for k, v in values.items() if k[0] == "uavloc_stage_duration_seconds")
    assert all(family.documentation.endswith(".") for family in families.values())
    documented = set(re.findall(r"uavloc_\w+", DOCS.read_text(encoding="utf-8")))
    names = {f"{name}_total" if family.type == "counter" else name for name, family in families.items()}
    assert names == documented


def test_health_and_status_are_there_for_machines(flight: Watched) -> None:
    assert flight.ask("/healthz", {})[2] in {b"ok\n", b"no picture for 4 s\n"}
    status = json.loads(flight.ask("/status")[2])
    assert set(flight.onboard.status()) == set(status)


def test_strangers_get_nothing(flight: Watched) -> None:
    nobody: dict[str, str] = {}
    for path in ("/metrics", "/status", "/tiles/0/0/0/0"):
        status, headers, body = flight.ask(path, nobody)
        assert (status, headers["www-authenticate"]) == (401, "Bearer"), body
    status, headers, body = flight.ask("/", nobody)
    assert status == 401
    assert b'action="/login"' in body
    assert b"tiles" not in body.split(b"</style>")[1]
    assert flight.ask(f"/?token={SECRET}x", nobody)[0] == 401
    assert flight.order({"command": "pause"}, nobody)[0] == 403
    assert flight.order({"command": "pause"}, flight.own)[0] == 401
    assert flight.ask("/status", {**BEARER, "Host": "evil.example"})[0] == 421
    assert flight.ask("/", {"Host": "evil.example"})[0] == 421
    assert flight.onboard.status()["publishing"]["paused"] is False


def test_only_our_own_page_may_watch_and_order(flight: Watched) -> None:
    _, headers, _ = flight.ask(f"/?token={SECRET}", {})
    cookie = {"Cookie": headers["set-cookie"].split(";")[0]}
    assert {"HttpOnly", "SameSite=lax"} <= set(headers["set-cookie"].split("; "))
    assert SECRET not in headers["set-cookie"]
    pause = {"command": "pause"}
    for origin in ({}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}):
        assert flight.order(pause, {**cookie, **origin})[0] == 403
        with pytest.raises(websockets.exceptions.InvalidStatus, match="403"):
            flight.heard(1, additional_headers={**cookie, **origin})
    assert flight.heard(1, additional_headers={**cookie, **flight.own})
    assert flight.order({"command": "resume"}, {**cookie, **flight.own})[0] == 200
    assert flight.onboard.status()["publishing"]["paused"] is False


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[" * 4000, b"\xff", b'{"command": "status"}', b'{"command": "cache", "path": "/etc/passwd"}',
        b'{"command": "hint", "lat_deg": NaN, "lon_deg": 0, "radius_m": 5}',
        b'{"command": "hint", "lat_deg": 48.0, "lon_deg": 11.0, "radius_m": 50}',
        b'{"command": "pause", "more": 1}',
    ],
)  # fmt: skip
def test_orders_that_are_none_are_refused_in_words(flight: Watched, body: bytes) -> None:
    status, said = flight.order(body)
    assert status == 400
    answer = json.loads(said)
    assert answer["ok"] is False
    assert 0 < len(answer["said"]) < 400


def test_effects_need_post_json_and_few_bytes(flight: Watched) -> None:
    assert flight.ask("/orders")[0] == 405
    assert flight.ask("/login")[0] == 405
    pause = json.dumps({"command": "pause"}).encode()
    assert flight.ask("/orders", {**BEARER, "Content-Type": "text/plain"}, "POST", pause)[0] == 415
    assert flight.order(b" " * 5000)[0] == 413
    assert flight.ask("/" + "a" * 70_000)[0] in {400, 404, 431}
    assert flight.onboard.status()["publishing"]["paused"] is False


def test_clients_that_read_nothing_or_never_ask_slow_nobody(flight: Watched) -> None:
    hostile = [hostile_client(flight.port) for _ in range(4)]
    silent = [socket.create_connection(("127.0.0.1", flight.port)) for _ in range(90)]
    try:
        before, begun_s = published(flight), time.monotonic()
        assert len(flight.heard(35)) == 35
        per_s = (published(flight) - before) / (time.monotonic() - begun_s)
        assert per_s > 7.0, "what is published goes on ten times a second"
    finally:
        for stream in (*hostile, *silent):
            stream.close()


def published(flight: Watched) -> int:
    """How often the autopilot was told a position, or that there is none."""
    return sum(flight.onboard.status()["publishing"]["messages"].values())


def hostile_client(port: int) -> socket.socket:
    """A websocket that is opened well, and then never read."""
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    stream.connect(("127.0.0.1", port))
    lines = (
        "GET /live HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: Upgrade", "Upgrade: websocket",
        "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", f"Authorization: Bearer {SECRET}",
    )  # fmt: skip
    stream.sendall("\r\n".join([*lines, "", ""]).encode())
    return stream


async def drained(live: Any) -> None:
    while True:
        await live.recv()


def test_so_many_may_watch_and_no_more_and_who_talks_is_let_go(flight: Watched) -> None:
    async def crowd(room: int) -> None:
        came = await asyncio.gather(*(flight.connected() for _ in range(room + 5)), return_exceptions=True)
        watching = [each for each in came if not isinstance(each, BaseException)]
        assert [each.response.status_code for each in came if isinstance(each, BaseException)] == [503] * 5
        with pytest.raises(websockets.exceptions.InvalidStatus, match="503"):
            await flight.connected()
        await watching[0].send("hello")
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            await asyncio.wait_for(drained(watching[0]), 5.0)
        async with flight.connected() as again:
            assert await asyncio.wait_for(again.recv(), 5.0)
        for live in watching:
            await live.close()

    def clients() -> int:
        return int(re.findall(rb"\nuavloc_monitor_clients (\d+)", flight.ask("/metrics")[2])[0])

    until(lambda: clients() <= 1)
    asyncio.run(crowd(8 - clients()))


def test_a_browser_logs_in_with_the_form(driver: Any, flight: Watched) -> None:
    driver.delete_all_cookies()
    open_page(driver, flight.url)
    for word, expected in (("wrong-word-of-enough-letters", "That is not the secret."), (SECRET, "")):
        driver.execute_script("document.getElementById('token').value = arguments[0]", word)
        driver.execute_script("document.querySelector('form').requestSubmit()")
        until(lambda said=expected: said in driver.execute_script("return document.body.textContent"))
    wait(driver, "document.documentElement.dataset.ready === 'yes'")
    assert driver.current_url == flight.url
    body = urlencode({"token": SECRET})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert flight.ask("/login", {**form, "Origin": "http://evil.example"}, "POST", body)[0] == 403
    assert flight.ask("/login", {**form, **flight.own}, "POST", body)[0] == 303


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_of_both_pages_can_be_read(driver: Any, flight: Watched, scheme: str) -> None:
    open_page(driver, f"{flight.url}?token={SECRET}", scheme=scheme)
    wait(driver, "document.getElementById('health').rows.length > 5")
    click(driver, "pause")
    time.sleep(0.3)  # colours of buttons fade
    assert driver.execute_script(CONTRAST) == []
    driver.delete_all_cookies()
    open_page(driver, flight.url, scheme=scheme)
    assert driver.execute_script(CONTRAST) == []


@pytest.mark.parametrize(("width", "height"), [(360, 740), (768, 1024)])
def test_a_phone_shows_it_without_sideways_scrolling(driver: Any, flight: Watched, width: int, height: int) -> None:
    open_page(driver, f"{flight.url}?token={SECRET}", width, height)
    wait(driver, "document.getElementById('health').rows.length > 5")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    small = (
        "return [...document.querySelectorAll('button, input:not([type=checkbox])')].filter((e) => "
        "e.checkVisibility() && Math.min(e.offsetWidth, e.offsetHeight) < 32).map((e) => e.id)"
    )
    assert driver.execute_script(small) == []


def test_everything_has_a_name_for_those_who_do_not_see_it(opened: Any) -> None:
    nodes = opened.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    told = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]]
    roles = {"button", "checkbox", "slider", "image", "link", "region", "spinbutton"}
    assert {role for role, _ in told} >= roles - {"link"}
    assert [role for role, name in told if role in roles and not name.strip()] == []
    assert any(role == "image" and "Map of the flight." in name for role, name in told)


@dataclass
class SlowRadio:
    """A way to the program that brings what comes from there so much later."""

    to: int
    late_s: float = 0.0

    def __enter__(self) -> SlowRadio:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port, self._ending = self._listener.getsockname()[1], threading.Event()
        self._thread = threading.Thread(target=self._pass_on)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _pass_on(self) -> None:
        other: dict[socket.socket, socket.socket] = {}
        back: set[socket.socket] = set()
        waiting: list[tuple[float, socket.socket, bytes]] = []
        while not self._ending.is_set():
            for ready in select.select([self._listener, *other], [], [], 0.02)[0]:
                if ready is self._listener:
                    ours, there = ready.accept()[0], socket.create_connection(("127.0.0.1", self.to))
                    other |= {ours: there, there: ours}
                    back.add(there)
                elif ready in other and (data := heard_from(ready)):
                    late_s = self.late_s if ready in back else 0.0
                    waiting.append((time.monotonic() + late_s, other[ready], data))
                elif ready in other:
                    for end in (other.pop(ready), ready):
                        other.pop(end, None)
                        end.close()
            now_s = time.monotonic()
            for _, end, data in (each for each in waiting if each[0] <= now_s and each[1] in other):
                with suppress(OSError):
                    end.sendall(data)
            waiting = [each for each in waiting if each[0] > now_s]
        for end in (self._listener, *other):
            end.close()


def heard_from(stream: socket.socket) -> bytes:
    with suppress(OSError):
        return stream.recv(65536)
    return b""


def test_what_a_slow_radio_held_back_is_not_shown_as_now(driver: Any, flight: Watched) -> None:
    with SlowRadio(flight.port) as radio:
        open_page(driver, f"http://127.0.0.1:{radio.port}/?token={SECRET}")
        wait(driver, "document.getElementById('state').textContent === 'Position published'")
        radio.late_s = 4.0
        wait(driver, r"/^Not live: what is heard is \d+ s old$/.test(document.getElementById('state').textContent)")
        assert driver.execute_script("return document.body.classList.contains('stale')")
        radio.late_s = 60.0
        click(driver, "pause")
        click(driver, "pause")
        wait(driver, "document.getElementById('said').textContent.startsWith('pause: no answer, so it may be taken')")
        assert flight.onboard.status()["publishing"]["paused"] is True
        assert flight.order({"command": "resume"})[0] == 200
        driver.get("about:blank")


def test_when_the_program_ends_the_page_says_that_it_is_not_live(driver: Any, flight: Watched) -> None:
    open_page(driver, f"{flight.url}?token={SECRET}")
    wait(driver, "document.getElementById('health').rows.length > 5")
    assert flight.onboard.process is not None
    flight.onboard.process.terminate()
    begun_s = time.monotonic()
    assert flight.onboard.ended() == 0
    assert time.monotonic() - begun_s < 2.5
    wait(driver, "document.getElementById('state').textContent === 'Not live: nothing is heard'")
    assert driver.execute_script("return document.body.classList.contains('stale')")
    assert "Traceback" not in flight.onboard.said
    assert "warning: monitor" not in flight.onboard.said
    assert SECRET not in flight.onboard.said


def test_beyond_loopback_who_guesses_is_slowed_down_and_nobody_else(flown: Flown, tmp_path: Path) -> None:
    served, guesser = Served(free_port()), {"source": "127.0.0.2"}
    wrong, stale = {"Authorization": "Bearer another-long-word"}, {"Cookie": f"uavloc-{served.port}=stale"}
    form = {"Content-Type": "application/x-www-form-urlencoded", **served.own}
    with Onboard(tmp_path / "run", flown, flown.start, monitor(tmp_path, "0.0.0.0", served.port)) as onboard:
        assert [served.ask("/status", {}, **guesser)[0] for _ in range(20)] == [401] * 20, "to bring none is no guess"
        guesses = (
            ("/status", wrong), ("/metrics", stale), ("/?token=another-long-word", {}), ("/", stale),
            ("/orders", wrong, "POST", "{}"), ("/login", form, "POST", "token=another-long-word"),
        )  # fmt: skip
        begun_s = time.monotonic()
        said = [served.ask(*guesses[number % len(guesses)], **guesser)[0] for number in range(20)]
        tried = sum(status != 429 for status in said)
        assert 10 <= tried <= 10 + (time.monotonic() - begun_s) / 2.0
        assert set(said[:10]) == {401, 403}
        for path, headers in (("/status", BEARER), ("/", {}), (f"/?token={SECRET}", {}), ("/metrics", BEARER)):
            status, told, body = served.ask(path, headers, **guesser)
            assert status == 429, "the right secret would tell that it is right"
            assert 0 < int(told["retry-after"]) <= 2
            assert told["connection"] == "close"
            assert b"too many wrong secrets came from this address: try again in " in body
        with pytest.raises(websockets.exceptions.InvalidStatus, match="429"):
            served.heard(1, local_addr=("127.0.0.2", 0))
        assert served.ask("/healthz", {}, **guesser)[0] in {200, 503}
        assert served.ask("/status")[0] == 200, "whoever asks from elsewhere"
        assert served.heard(1)
        time.sleep(2.0)
        assert served.ask("/status", **guesser)[0] == 200
        assert "Traceback" not in onboard.said


def test_a_place_that_others_reach_is_refused_at_the_start_without_a_secret(flown: Flown, tmp_path: Path) -> None:
    onboard = Onboard(tmp_path, flown, flown.start, '[monitor]\nlisten = "0.0.0.0:0"\n')
    ran = uavloc("run", "--config", onboard.config)
    assert ran.code == 2
    last = ran.err.splitlines()[-1]
    assert last.startswith(f"uavloc: error: {onboard.config}: monitor.listen: 0.0.0.0:0: others can reach")
    assert "Traceback" not in ran.err
