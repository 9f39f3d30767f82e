"""A MAVLink connection to one vehicle: what passes the checks goes to those who subscribed."""

from __future__ import annotations

import errno
import logging
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from uavloc.autopilot.dialect import Codec, Message, mavlink
from uavloc.autopilot.health import LinkHealth
from uavloc.autopilot.intake import Heard, Intake
from uavloc.autopilot.outbox import Outbox
from uavloc.autopilot.requests import Requests
from uavloc.autopilot.signing import Signing, load_key
from uavloc.autopilot.timekeeper import TimeKeeper
from uavloc.autopilot.tracker import Tracker
from uavloc.autopilot.transport import transport_for
from uavloc.autopilot.udp import Address
from uavloc.autopilot.vehicle import Vehicle
from uavloc.clock import Clock
from uavloc.flightconfig import LinkConfig

Handler: TypeAlias = Callable[[Message, int], None]
"""Called in the thread of the link with a message and its arrival (ns on our clock). It must return soon."""

_SILENT_S = 3.0
_REOPEN_S = 1.0
_HEARTBEAT_S = 1.0
_TIMESYNC_S = 1.0
_TIMESYNC_FIRST_S = 0.2
_REQUEST_S = 0.1
_COMPLAIN_S = 10.0
_SECOND_NS = 1_000_000_000

_log = logging.getLogger(__name__)


class Link:
    """One link. Its own thread reads, writes, keeps the clock model and asks for rates, from `start` to `close`."""

    def __init__(self, config: LinkConfig, clock: Clock, index: int = 0) -> None:
        """`index` tells links of one program apart when they sign.

        Raises ConfigError for a URL that can never work, InputError for a key that cannot be used.
        """
        self._config, self._clock, self._index = config, clock, index
        self._transport = transport_for(config.url)
        codec = Codec(config.system or config.vehicle, config.component)
        self._signing: Signing | None = None
        if config.key:
            self._signing = Signing(load_key(Path(config.key)), Path(f"{config.key}.link{index}.json"))
            codec.sign_with(self._signing.key, index)
        self._intake = Intake(config, self._signing, datagrams=self._transport.datagrams)
        self._tracker = Tracker(config.vehicle, config.autopilot)
        self._time = TimeKeeper()
        self._requests = Requests()
        self._handlers: tuple[Handler, ...] = ()
        self._commanders: tuple[Handler, ...] = ()
        self._outbox = Outbox(codec, self._signing, clock)
        self._reconnects = 0
        self._heard_s = self._heartbeat_s = -1e9
        self._due_s = {self._send_heartbeat: 0.0, self._ask_time: 0.0, self._ask: 0.0}
        self._opened = self._complained = False
        self._trouble = ""
        self._complained_s = -1e9
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; a connection that cannot be opened is tried again every second."""
        self._thread = threading.Thread(target=self._run, name=f"uavloc-link {self._config.url}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and let go of the connection. May be called more than once."""
        self._ending.set()
        if self._thread is not None:
            self._outbox.rouse()
            self._thread.join()
            self._thread = None
            if self._signing is not None:
                self._signing.close()
        self._outbox.close()

    def send(self, message: Message) -> None:
        """Send soon; thread-safe, never waits. While the vehicle cannot be reached the message is thrown away."""
        if self.connected:
            self._outbox.post(message)
        else:
            self._outbox.unsent += 1

    def subscribe(self, handler: Handler) -> None:
        """Be called with every message of the configured autopilot that passed the checks."""
        self._handlers = (*self._handlers, handler)

    def commands(self, handler: Handler) -> None:
        """Be called with COMMAND_LONG, COMMAND_INT and PARAM_* messages for our component, from any system."""
        self._commanders = (*self._commanders, handler)

    def want(self, name: str, rate_hz: float) -> None:
        """Ask the autopilot for a message, by its name, at least this often."""
        self._requests.want(name, rate_hz)

    @property
    def connected(self) -> bool:
        """Whether the vehicle was heard a moment ago."""
        return time.monotonic() - self._heard_s < _SILENT_S

    @property
    def vehicle(self) -> Vehicle:
        """The vehicle as last heard."""
        return self._tracker.vehicle

    @property
    def health(self) -> LinkHealth:
        """How the link does."""
        age_s = time.monotonic() - self._heartbeat_s
        offset_ns, std_ns = self._time.model.offset() or (None, None)
        return LinkHealth(
            self._config.url,
            connected=self.connected,
            heartbeat_age_s=age_s if age_s < 1e6 else None,
            received=self._intake.received,
            lost_share=self._intake.lost_share,
            refused=self._intake.refused,
            synced=offset_ns is not None,
            clock_offset_ns=offset_ns,
            clock_std_ns=std_ns,
            reconnects=self._reconnects,
            reboots=self.vehicle.boots,
            unsent=self._outbox.unsent,
            trouble=self._trouble,
        )

    def vehicle_ns(self, boot_ns: int) -> int | None:
        """A time since the vehicle's start (time_boot_ms * 10**6, time_usec * 1000) on our clock.

        None while the clocks are not known to each other.
        """
        return self._time.model.ours(boot_ns)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                if not self._opened:
                    self._transport.open()
                    self._opened = True
                    self._complained = False
                    self._trouble = ""
                self._turn()
            except OSError as error:
                self._trouble = _told(error, self._config.url)
                if not self._complained:
                    _log.warning("%s; trying again every second", self._named(self._trouble))
                self._lose()
            except Exception:  # a mistake of ours: told in full, and no reason to fly on without a link
                _log.exception(self._named("opened anew after a failure"))
                self._lose()
        self._transport.close()

    def _named(self, text: str) -> str:
        """As it is said of this link among several."""
        return f"link {self._index}: {self._config.url}: {text}"

    def _lose(self) -> None:
        self._complained = True
        self._opened = False
        self._transport.close()
        left = self._outbox.take()
        self._outbox.unsent += len(left)
        self._ending.wait(_REOPEN_S)

    def _turn(self) -> None:
        """Wait for something to happen, and do it: as few calls of the system as can be."""
        poll = select.poll()
        for file in (*self._transport.files(), self._outbox.fileno()):
            poll.register(file, select.POLLIN)
        for file in self._transport.pending():
            poll.register(file, select.POLLIN | select.POLLOUT)
        wait_s = min(self._due_s.values()) - time.monotonic()
        ready = {file for file, _ in poll.poll(max(wait_s, 0.0) * 1e3)}
        if self._outbox.fileno() in ready:
            self._outbox.settle()
        if ready - {self._outbox.fileno()}:
            for data, address in self._transport.read():
                self._take(data, address)
        self._do_what_is_due()
        self._write()

    def _take(self, data: bytes, address: Address) -> None:
        arrival_ns = self._clock.now_ns()
        for heard in self._intake.take(data, arrival_ns):
            if heard.of_vehicle:
                self._transport.believe(address)
                self._hear(heard.message, arrival_ns)
            else:
                self._tell(self._commanders, heard, arrival_ns)
        if self._intake.authentic:  # its stamps may be old because it has not heard ours yet
            self._transport.believe(address, only_if_none=True)

    def _hear(self, message: Message, arrival_ns: int) -> None:
        now_s = time.monotonic()
        if now_s - self._heard_s > _SILENT_S and self._heard_s > 0.0:
            self._reconnects += 1
            self._requests.reset()
            self._intake.resume()
            _log.info(self._named(f"heard again after {now_s - self._heard_s:.0f} s"))
        self._heard_s = now_s
        kind = message.get_type()
        odd = self._tracker.is_odd(message, arrival_ns)
        if odd and self._tracker.is_reboot(arrival_ns):
            _log.warning(self._named("the autopilot started anew"))
            self._time.reset()
            self._requests.reset()
        elif odd and kind != "TIMESYNC":  # the clock model judges by itself
            self._intake.count("odd")
            return
        if kind == "HEARTBEAT":
            self._heartbeat_s = now_s
        elif kind == "TIMESYNC":
            answer = self._time.take(message, arrival_ns, self._clock.now_ns())
            if answer is not None:
                self._outbox.post(answer)
        self._requests.seen(kind)
        self._tracker.take(message, arrival_ns)
        self._tell(self._handlers, Heard(message, of_vehicle=True), arrival_ns)

    def _tell(self, handlers: tuple[Handler, ...], heard: Heard, arrival_ns: int) -> None:
        """A handler that fails is told of, and stops neither the link nor the others."""
        for handler in handlers:
            try:
                handler(heard.message, arrival_ns)
            except Exception:
                if time.monotonic() - self._complained_s > _COMPLAIN_S:
                    self._complained_s = time.monotonic()
                    _log.exception(self._named(f"a {heard.message.get_type()} was not dealt with"))

    def _do_what_is_due(self) -> None:
        now_s = time.monotonic()
        for work, due_s in self._due_s.items():
            if now_s >= due_s:
                work()
        if self._signing is not None:
            self._signing.save_if_due()

    def _send_heartbeat(self) -> None:
        m = mavlink()
        self._due_s[self._send_heartbeat] = time.monotonic() + _HEARTBEAT_S
        self._outbox.post(
            m.MAVLink_heartbeat_message(
                m.MAV_TYPE_ONBOARD_CONTROLLER, m.MAV_AUTOPILOT_INVALID, 0, 0, m.MAV_STATE_ACTIVE, 3
            )
        )

    def _ask_time(self) -> None:
        period_s = _TIMESYNC_S if self._time.model.settled else _TIMESYNC_FIRST_S
        self._due_s[self._ask_time] = time.monotonic() + period_s
        if self.connected:
            self._outbox.post(self._time.question(self._clock.now_ns()))

    def _ask(self) -> None:
        self._due_s[self._ask] = time.monotonic() + _REQUEST_S
        question = self._requests.due(self.vehicle, time.monotonic()) if self.connected else None
        if question is not None:
            self._outbox.post(question)

    def _write(self) -> None:
        packets = self._outbox.take()
        for packet in packets:
            if not self._transport.write(packet):
                self._outbox.unsent += 1
        if not packets and self._transport.pending():
            self._transport.flush()


def _told(error: OSError, url: str) -> str:
    """Why a link cannot be opened, and what can be done where that is known."""
    if error.errno == errno.EADDRINUSE:
        port = url.rpartition(":")[2]
        return (
            f"port {port} is taken: another program listens there (uavloc run, a ground station); end that one, or let "
            "MAVProxy (--out) or mavlink-router send to a port for each, and name the other one here"
        )
    return error.strerror or str(error)
