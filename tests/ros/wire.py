"""The naming and the qualities of service of ROS 2 on DDS, for both ends of a test."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass

from cyclonedds.core import Policy, Qos
from cyclonedds.util import duration

_numbers = itertools.count()
_LOOPBACK = """<CycloneDDS><Domain><General><Interfaces><NetworkInterface name="lo"/></Interfaces>
<AllowMulticast>false</AllowMulticast></General><Discovery><Tag>{tag}</Tag><ParticipantIndex>auto</ParticipantIndex>
<MaxAutoParticipantIndex>100</MaxAutoParticipantIndex><Peers><Peer Address="127.0.0.1"/></Peers></Discovery>
</Domain></CycloneDDS>"""


@dataclass(frozen=True)
class Network:
    """A part of this machine where nobody else speaks: a domain of DDS, and what keeps it apart."""

    domain: int
    settings: str

    @property
    def environment(self) -> dict[str, str]:
        """Variables under which a process is part of it."""
        return {**os.environ, "ROS_DOMAIN_ID": str(self.domain), "CYCLONEDDS_URI": self.settings}


def network() -> Network:
    """A new one: domains are few, since their ports stay below those that systems hand out; tags are not."""
    number = next(_numbers)
    return Network(1 + (os.getpid() + 7 * number) % 95, _LOOPBACK.format(tag=f"uavloc-{os.getpid()}-{number}"))


def topic_name(name: str) -> str:
    """Of a topic, on DDS."""
    return f"rt{name}"


def request_name(name: str) -> str:
    """Of the requests of a service, on DDS."""
    return f"rq{name}Request"


def response_name(name: str) -> str:
    """Of the answers of a service, on DDS."""
    return f"rr{name}Reply"


def qos(*, reliable: bool = True, latched: bool = False, depth: int = 10) -> Qos:
    """As ROS has it by default; `reliable` false is sensor data."""
    return Qos(
        Policy.Reliability.Reliable(duration(milliseconds=100)) if reliable else Policy.Reliability.BestEffort,
        Policy.Durability.TransientLocal if latched else Policy.Durability.Volatile,
        Policy.History.KeepLast(depth),
    )
