"""The thread that serves the monitor. Whatever happens in it, the flight goes on."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from typing import Any

from uavloc.errors import one_line
from uavloc.flightconfig import MonitorConfig
from uavloc.monitor.access import Access
from uavloc.monitor.address import Listening
from uavloc.monitor.app import App
from uavloc.monitor.feed import Feed
from uavloc.onboard.operating import Operator
from uavloc.onboard.report import Report

_MOST_CONNECTIONS, _MOST_ASKING = 128, 64
_FIRST_REQUEST_S = 10.0
_CLOSE_S = 0.7
_MESSAGE_BYTES = 1024


class Monitor:
    """Serves from `start` to `close`; what goes wrong in between is reported."""

    def __init__(
        self,
        config: MonitorConfig,
        listening: Listening,
        feed: Feed,
        operator: Operator,
        report: Report,
        frame_timeout_s: float,
    ) -> None:
        self._listening, self._feed, self._report = listening, feed, report
        access = Access(listening.address.is_loopback, listening.port, listening.secret, config.hosts)
        self._app = App(config, access, feed, operator, report, frame_timeout_s)
        self._server = _server(self._app)
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._report.tell("monitor", f"{self._listening.url}{' with a secret' if self._listening.secret else ''}")
        self._thread.start()

    def stop(self) -> None:
        """Begin to end: a client that does not let go is let go of."""
        self._server.should_exit = self._server.force_exit = True

    def close(self) -> None:
        """Serve no more."""
        self.stop()
        if self._thread.ident is None:
            self._feed.close()
        else:
            self._thread.join(_CLOSE_S)
        self._listening.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # the page is gone, and the flight is what matters
            self._report.tell("monitor", f"ended: {type(error).__name__}: {one_line(error)}", bad=True)
        finally:
            self._feed.close()

    async def _serve(self) -> None:
        turning = asyncio.create_task(self._app.turning())
        try:
            await self._server.serve(sockets=[self._listening.socket])
        finally:
            turning.cancel()


def _server(app: App) -> Any:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol

    asking: deque[Any] = deque()

    class Patient(H11Protocol):
        """Lets go of who connects and asks nothing: after a while, or sooner where others want to."""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > _MOST_CONNECTIONS:
                transport.abort()
                return
            asking.append(self)
            self.loop.call_later(_FIRST_REQUEST_S, self.let_go)
            while len(asking) > _MOST_ASKING:
                asking.popleft().let_go()

        def let_go(self) -> None:
            if self.cycle is None and self.transport.get_protocol() is self:
                self.transport.abort()

    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # what strangers send is no news of the flight
    config = uvicorn.Config(
        app.made(),
        http=Patient,
        ws="websockets-sansio",
        ws_max_size=_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)
