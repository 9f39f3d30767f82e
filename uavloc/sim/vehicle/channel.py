"""A link with what the script does to it: cut, lossy and out of order, packets that come again."""

from __future__ import annotations

from collections import deque

from uavloc.sim.seeds import stream
from uavloc.sim.vehicle.port import Port
from uavloc.sim.vehicle.script import Script

LOST_SHARE, LATE_SHARE, LATE_S = 0.3, 0.1, 0.06
REPLAY_AFTER_S, REPLAY_PERIOD_S = 5.0, 0.1


class Channel:
    """Packets of one vehicle over its ports, by the seconds of the flight."""

    def __init__(self, ports: list[Port], script: Script, seed: int) -> None:
        self._ports, self._script = ports, script
        self._random = stream(seed, "vehicle", "channel")
        self._late: list[tuple[float, bytes]] = []
        self._coming_late: list[tuple[float, bytes]] = []
        self._sent: deque[tuple[float, bytes]] = deque(maxlen=4000)
        self._next_replay_s = 0.0
        self.lost = 0

    def send(self, packet: bytes, t_s: float) -> None:
        """Send a packet, unless it is lost or late."""
        if self._silent(t_s):
            return
        if self._script.active("loss30", t_s) and not self._passes(packet, t_s, self._late):
            return
        self._out(packet, t_s)

    def receive(self, t_s: float) -> list[bytes]:
        """What has come, less what is lost."""
        came = [data for port in self._ports for data in port.receive()]
        if self._silent(t_s):
            return []
        if self._script.active("loss30", t_s):
            came = [data for data in came if self._passes(data, t_s, self._coming_late)]
        came += self._due(self._coming_late, t_s)
        for packet in self._due(self._late, t_s):
            self._out(packet, t_s)
        self._replay(t_s)
        return came

    def close(self) -> None:
        """Give the ports back."""
        for port in self._ports:
            port.close()

    def _silent(self, t_s: float) -> bool:
        return self._script.active("link-cut", t_s) or self._script.active("reboot", t_s)

    def _passes(self, packet: bytes, t_s: float, late: list[tuple[float, bytes]]) -> bool:
        draw = self._random.random()
        if draw < LOST_SHARE:
            self.lost += 1
            return False
        if draw < LOST_SHARE + LATE_SHARE:
            late.append((t_s + LATE_S, packet))
            return False
        return True

    @staticmethod
    def _due(late: list[tuple[float, bytes]], t_s: float) -> list[bytes]:
        due = [packet for due_s, packet in late if due_s <= t_s]
        late[:] = [held for held in late if held[0] > t_s]
        return due

    def _out(self, packet: bytes, t_s: float) -> None:
        self._sent.append((t_s, packet))
        for port in self._ports:
            port.send(packet)

    def _replay(self, t_s: float) -> None:
        """Send old packets again, as somebody would who had listened."""
        if not self._script.active("replayed", t_s) or t_s < self._next_replay_s:
            return
        self._next_replay_s = t_s + REPLAY_PERIOD_S
        old = [
            packet for sent_s, packet in self._sent if REPLAY_AFTER_S <= t_s - sent_s < REPLAY_AFTER_S + REPLAY_PERIOD_S
        ]
        for packet in old:
            for port in self._ports:
                port.send(packet)
