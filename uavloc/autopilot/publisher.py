"""Estimates to the autopilot: the route that suits it, what the pilot is told, and whether it is listened to."""

from __future__ import annotations

import threading
from collections.abc import Callable

from uavloc.autopilot.dialect import Message
from uavloc.autopilot.fusion import Fusion, FusionMonitor
from uavloc.autopilot.pilotwords import about_fusion, about_position, about_route
from uavloc.autopilot.position import position_of
from uavloc.autopilot.routes import ROUTES, Route, route_for
from uavloc.autopilot.statustext import NOTICE, Announcer, Words
from uavloc.autopilot.vehicle import Vehicle
from uavloc.clock import Clock
from uavloc.flightconfig import PublishConfig, RouteName
from uavloc.types import Estimate, GeoPoint

WANTED = {"GPS_RAW_INT": 2.0, "LOCAL_POSITION_NED": 5.0}
"""What the link is to ask for besides its own wishes (`Link.want`): messages by name, times a second."""
_SILENT_ROUTE = "none"


class AutopilotPublisher:
    """A `Publisher`. Call `publish` at the rate of the configuration with the estimate carried on to now.

    `hear` is to be subscribed to the same link: without it position resets and the judgement of fusion see nothing.
    Both may be called from different threads.
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        vehicle: Callable[[], Vehicle],
        config: PublishConfig,
        clock: Clock,
    ) -> None:
        self._send, self._vehicle, self._config, self._clock = send, vehicle, config, clock
        self._start_ns = clock.now_ns()
        self._route: Route | None = None
        self._routes: dict[RouteName, Route] = {}
        self._monitor = FusionMonitor()
        self._announcer = Announcer()
        self._ever_known = False
        self._relied_on = False
        self._closed = False
        self._lock = threading.Lock()

    @property
    def route(self) -> str | None:
        """The name of the way that is taken; None while too little is known of the vehicle."""
        return None if self._route is None else self._route.name

    @property
    def fusion(self) -> Fusion:
        """Whether the autopilot flies by us, as far as it shows."""
        with self._lock:
            return self._judged(self._clock.now_ns())

    def publish(self, estimate: Estimate) -> None:
        """Send what the route says of an estimate, and what has changed to the pilot."""
        with self._lock:
            messages = [] if self._closed else self._messages(estimate)
        # Not under the lock: the link's thread may be waiting in `hear` while it holds what `send` needs.
        for message in messages:
            self._send(message)

    def hear(self, message: Message, t_ns: int) -> None:
        """A message of the vehicle's autopilot and when it arrived."""
        with self._lock:
            self._monitor.hear(message, t_ns)
            if self._route is not None:
                self._route.hear(message, t_ns)

    def close(self) -> None:
        """Tell the pilot that nothing more will come."""
        with self._lock:
            silent = self._closed or self._route is None or self._route.name == _SILENT_ROUTE
            self._closed = True
        if not silent:
            for message in self._announcer.say(Words("stopped, do not rely on vision", NOTICE)):
                self._send(message)

    def _messages(self, estimate: Estimate) -> list[Message]:
        t_now_ns, vehicle = self._clock.now_ns(), self._vehicle()
        route = self._chosen(vehicle)
        if route is None:
            return []
        messages = route.messages(estimate, t_now_ns, vehicle)
        position = position_of(estimate, t_now_ns, self._config.min_std_m)
        if position is not None:
            self._ever_known = True
            if messages and not route.complaint:
                self._monitor.sent(GeoPoint(*position.lat_lon_deg), position.std_m, t_now_ns)
        return messages + self._words(position is not None, route, vehicle, t_now_ns)

    def _chosen(self, vehicle: Vehicle) -> Route | None:
        """A way that was taken before is gone on with: its reset counter must not begin anew."""
        name = route_for(vehicle, self._config.route)
        if name is not None and name not in self._routes:
            self._routes[name] = ROUTES[name](self._config, self._start_ns)
        self._route = None if name is None else self._routes[name]
        return self._route

    def _judged(self, t_now_ns: int) -> Fusion:
        return self._monitor.judge(t_now_ns, _SILENT_ROUTE if self._route is None else self._route.name)

    def _words(self, known: bool, route: Route, vehicle: Vehicle, t_now_ns: int) -> list[Message]:
        if route.name == _SILENT_ROUTE:
            return []
        fusion = self._judged(t_now_ns)
        if known:
            self._relied_on = fusion.state == "fused"
        topics = {
            "position": about_position(known, self._ever_known, vehicle.armed, self._relied_on),
            "route": about_route(route.complaint, vehicle.armed),
            "fusion": about_fusion(fusion, vehicle.armed),
        }
        return [said for topic, words in topics.items() for said in self._announcer.update(topic, words, t_now_ns)]
