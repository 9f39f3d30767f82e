"""What is answered at which address. Reading needs GET, effects need POST; see `access` for who may."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import parse_qs

from uavloc.errors import UavlocError, one_line
from uavloc.flightconfig import MonitorConfig
from uavloc.monitor.access import Access, Refusal
from uavloc.monitor.door import HEALTH, Door
from uavloc.monitor.feed import Feed, Seen
from uavloc.monitor.metrics import Metrics
from uavloc.monitor.pages import live_page
from uavloc.monitor.warnings import troubles
from uavloc.onboard.control import MAX_LINE_BYTES, answer
from uavloc.onboard.operating import Operator
from uavloc.onboard.orders import FLIGHT_ORDERS
from uavloc.onboard.report import Report

Request: TypeAlias = Any
Response: TypeAlias = Any
WebSocket: TypeAlias = Any
"""Of starlette, which is not loaded with this file."""

MOST_CLIENTS = 8
_PATIENCE_S = 10.0
_BODY_S = 5.0
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_NUMBER = re.compile("[0-9]{1,9}")
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}


class App:
    """The answers, for one thread."""

    def __init__(
        self,
        config: MonitorConfig,
        access: Access,
        feed: Feed,
        operator: Operator,
        report: Report,
        frame_timeout_s: float,
    ) -> None:
        self._config, self._door, self._feed = config, Door(access), feed
        self._operator, self._report, self._frame_timeout_s = operator, report, frame_timeout_s
        self._watching: set[_Client] = set()
        self._metrics = Metrics(feed.status, lambda: len(self._watching))

    def made(self) -> Any:
        """As ASGI."""
        from starlette.applications import Starlette
        from starlette.routing import Route, WebSocketRoute

        return Starlette(
            routes=[
                Route("/", self._guarded(self._page)),
                Route("/tiles/{key}/{zoom}/{column}/{row}", self._guarded(self._tile)),
                Route("/orders", self._guarded(self._order), methods=["POST"]),
                Route("/login", self._guarded(self._login), methods=["POST"]),
                Route("/metrics", self._guarded(self._metrics_text)),
                Route("/status", self._guarded(self._status)),
                Route(HEALTH, self._guarded(self._health)),
                WebSocketRoute("/live", self._live),
            ]
        )

    async def turning(self) -> None:
        """Keep what is told up to date until cancelled; what goes wrong is reported, and ends nothing."""
        period_s, due_s = 1.0 / self._config.rate_hz, time.monotonic()
        while True:
            try:
                self._feed.keep()
                if self._watching:
                    self._feed.turn()
                    for client in self._watching:
                        self._tell(client)
            except Exception as error:  # a page that stands still must not end a flight; it says itself that it does
                self._report.tell("monitor", f"{type(error).__name__}: {one_line(error)}", bad=True)
            due_s = max(due_s + period_s, time.monotonic())
            await asyncio.sleep(due_s - time.monotonic())

    def _guarded(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            from starlette.responses import PlainTextResponse

            refusal = self._door.refusal(request, effect=request.method not in {"GET", "HEAD"})
            if refusal is None:
                try:
                    response = await endpoint(request)
                except (UavlocError, sqlite3.Error) as error:
                    response = PlainTextResponse(f"{one_line(error)}\n", 500)
                except Exception as error:  # a mistake of ours: told, and no reason to end a flight
                    self._report.tell("monitor", f"{type(error).__name__}: {one_line(error)}", bad=True)
                    response = PlainTextResponse("failed\n", 500)
            else:
                response = self._door.refused(request, refusal)
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return answered

    async def _page(self, request: Request) -> Response:
        from starlette.responses import HTMLResponse

        if "token" in request.query_params:
            return self._door.let_in(request, request.query_params["token"])
        title = f"live on {self._feed.ground.cache.path.name}"
        page, policy = live_page(title, self._feed.ground.facts(), self._config.rate_hz, actions=self._config.actions)
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    async def _login(self, request: Request) -> Response:
        body = await _body(request)
        fields = parse_qs((body or b"").decode("utf-8", "replace"))
        return self._door.let_in(request, fields.get("token", [""])[0])

    async def _tile(self, request: Request) -> Response:
        from starlette.responses import Response

        key, *numbers = request.path_params.values()
        ground = self._feed.ground
        is_one = key == ground.key and all(_NUMBER.fullmatch(each) for each in numbers)
        tile = ground.tile(*map(int, numbers)) if is_one else None
        if tile is None:
            return Response(status_code=404)
        return Response(tile[0], media_type=tile[1], headers=_FOREVER)

    async def _order(self, request: Request) -> Response:
        from starlette.responses import PlainTextResponse, Response

        if not self._config.actions:
            return PlainTextResponse("monitor.actions: no orders are taken here\n", 403)
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return PlainTextResponse("an order is application/json\n", 415)
        body = await _body(request)
        if body is None:
            return PlainTextResponse(f"an order has at most {MAX_LINE_BYTES} bytes, sent at once\n", 413)
        said = answer(body, self._operator, FLIGHT_ORDERS)
        return Response(said, 200 if said.startswith(b'{"ok": true') else 400, media_type="application/json")

    async def _metrics_text(self, request: Request) -> Response:
        from starlette.responses import Response

        text, kind = self._metrics.text()
        return Response(text, media_type=kind)

    async def _status(self, request: Request) -> Response:
        from starlette.responses import Response

        return Response(self._feed.status_text(), media_type="application/json")

    async def _health(self, request: Request) -> Response:
        from starlette.responses import PlainTextResponse

        found = troubles(self._feed.status(), self._frame_timeout_s)
        return PlainTextResponse("".join(f"{line}\n" for line in found) or "ok\n", 503 if found else 200)

    async def _live(self, socket: WebSocket) -> None:
        """Tell one client, at its own pace; who takes nothing for too long, or talks, is let go."""
        refusal = self._door.refusal(socket, effect=True)
        if refusal is None and len(self._watching) >= MOST_CLIENTS:
            refusal = Refusal(503, f"{MOST_CLIENTS} pages watch already")
        if refusal is not None:
            await socket.send_denial_response(self._door.refused(socket, refusal))
            return
        client = _Client(socket, asyncio.create_task(socket.accept()))
        self._watching.add(client)
        ends: list[asyncio.Task[Any]] = []
        try:
            await client.sending
            ends = [asyncio.create_task(each) for each in (socket.receive(), client.too_slow.wait())]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._watching.discard(client)
            tasks = [*ends, client.sending]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await _closed(socket)

    def _tell(self, client: _Client) -> None:
        """The newest, unless it is still taking an older one.

        One task for a message and nothing that waits for it: whenever this thread wakes, that of the localizer may have
        to wait for its turn.
        """
        now_s = time.monotonic()
        if client.sending.done():
            if not client.sending.cancelled():
                client.sending.exception()  # who is gone is noticed where it is listened to
            client.sending = asyncio.create_task(client.socket.send_text(self._feed.message(client.seen)))
            client.since_s = now_s
        elif now_s - client.since_s > _PATIENCE_S:
            client.too_slow.set()


@dataclass(eq=False)
class _Client:
    """Who watches; `sending` is the message that it takes since `since_s`, the first is that it may."""

    socket: WebSocket
    sending: asyncio.Task[None]
    seen: Seen = field(default_factory=Seen)
    since_s: float = field(default_factory=time.monotonic)
    too_slow: asyncio.Event = field(default_factory=asyncio.Event)


async def _closed(socket: WebSocket) -> None:
    with contextlib.suppress(RuntimeError, OSError, asyncio.TimeoutError):  # it may be closed by now
        await asyncio.wait_for(socket.close(1008), 1.0)


async def _body(request: Request) -> bytes | None:
    """What was sent; None where that is too much, or comes too slowly."""

    async def read() -> bytes | None:
        data = b""
        async for piece in request.stream():
            data += piece
            if len(data) > MAX_LINE_BYTES:
                return None
        return data

    try:
        return await asyncio.wait_for(read(), _BODY_S)
    except asyncio.TimeoutError:
        return None
