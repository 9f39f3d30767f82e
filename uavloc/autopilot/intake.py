"""From bytes to messages that may be believed: sender, signature and values are checked, and what fails is counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from uavloc.autopilot.dialect import Decoder, Message
from uavloc.autopilot.health import Refused
from uavloc.autopilot.packets import Packet, Splitter
from uavloc.autopilot.sanity import absurd_field
from uavloc.autopilot.signing import Signing, Verdict
from uavloc.flightconfig import LinkConfig

_COMMAND_INT, _COMMAND_LONG = 75, 76
_PARAM_REQUEST_READ, _PARAM_REQUEST_LIST, _PARAM_SET = 20, 21, 23
_COMMANDS = frozenset({_COMMAND_INT, _COMMAND_LONG, _PARAM_REQUEST_READ, _PARAM_REQUEST_LIST, _PARAM_SET})
_RADIO_STATUS = 109
"""Radios add it unsigned, under an id of their own. Nothing here reads it, so it is neither believed nor counted."""
_HALF = 128
_REMEMBERED = 400


@dataclass(frozen=True, slots=True)
class Heard:
    """A message, and whether it is of the vehicle's autopilot; else it is a command to us from anyone."""

    message: Message
    of_vehicle: bool


class Intake:
    """The way in of one link. Not thread-safe."""

    def __init__(self, config: LinkConfig, signing: Signing | None, *, datagrams: bool) -> None:
        self._vehicle = (config.vehicle, config.autopilot)
        self._ours = (config.system or config.vehicle, config.component)
        self._signing = signing
        self._splitter = Splitter(datagrams=datagrams)
        self._decoder = Decoder()
        self._refused = Refused()
        self._numbers = _Numbers()
        self.received = 0
        self.authentic = False
        """Whether the last piece of data was of the vehicle for certain, if perhaps an old one."""

    @property
    def refused(self) -> Refused:
        """What was refused so far."""
        return replace(self._refused, malformed=self._refused.malformed + self._splitter.malformed)

    @property
    def lost_share(self) -> float:
        """Share of the vehicle's last few hundred packets that did not come."""
        return self._numbers.lost_share

    def count(self, reason: str) -> None:
        """Count something refused."""
        self._refused = replace(self._refused, **{reason: getattr(self._refused, reason) + 1})

    def resume(self) -> None:
        """The vehicle was away: what was not heard meanwhile is not loss."""
        self._numbers.expected = None

    def take(self, data: bytes, now_ns: int) -> Iterator[Heard]:
        """The messages in a piece of data that may be believed."""
        self.authentic = False
        for packet in self._splitter.feed(data):
            source = (packet.system, packet.component)
            of_vehicle = source == self._vehicle
            if not of_vehicle and (source == self._ours or packet.message_id == _RADIO_STATUS):
                continue
            if not of_vehicle and packet.message_id not in _COMMANDS:
                self.count("foreign")
                continue
            verdict = Verdict.GOOD if self._signing is None else self._signing.judge(packet, now_ns)
            self.authentic |= of_vehicle and verdict in (Verdict.GOOD, Verdict.REPLAYED)
            if verdict is not Verdict.GOOD:
                self.count(verdict.value)
            else:
                if of_vehicle:
                    self.received += 1
                    self._numbers.take(packet.number)
                heard = self._open(packet, of_vehicle)
                if heard is not None:
                    yield heard

    def _open(self, packet: Packet, of_vehicle: bool) -> Heard | None:
        if not packet.known:
            return None
        message = self._decoder.decode(packet.raw)
        if message is None:
            self.count("malformed")
            return None
        if absurd_field(message) is not None:
            self.count("absurd")
            return None
        return Heard(message, of_vehicle) if of_vehicle or self._is_for_us(message) else None

    def _is_for_us(self, message: Message) -> bool:
        """Everyone is asked for parameters at once; everything else must name us."""
        system, component = self._ours
        to = (message.target_system, message.target_component)
        if message.get_msgId() == _PARAM_REQUEST_LIST:
            return to[0] in (0, system) and to[1] in (0, component)
        return to == (system, component)


class _Numbers:
    """Counts gaps in packet numbers; a packet that was only overtaken is taken back."""

    def __init__(self) -> None:
        self.expected: int | None = None
        self._came = self._lost = 0.0

    @property
    def lost_share(self) -> float:
        return self._lost / max(self._came + self._lost, 1.0)

    def take(self, number: int) -> None:
        ahead = 0 if self.expected is None else (number - self.expected) % 256
        if ahead < _HALF:
            self._lost += ahead
            self.expected = (number + 1) % 256
        else:
            self._lost = max(self._lost - 1.0, 0.0)
        self._came += 1.0
        if self._came + self._lost > _REMEMBERED:
            self._came, self._lost = self._came / 2.0, self._lost / 2.0
