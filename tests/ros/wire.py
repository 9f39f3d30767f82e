"""The naming and the qualities of service of ROS 2 on DDS, for both ends of a test."""

from __future__ import annotations

import os
from pathlib import Path

from cyclonedds.core import Policy, Qos
from cyclonedds.util import duration

LOOPBACK = """<CycloneDDS><Domain><General><Interfaces><NetworkInterface name="lo"/></Interfaces>
<AllowMulticast>false</AllowMulticast><MaxMessageSize>65500B</MaxMessageSize></General>
<Internal><SocketReceiveBufferSize min="default"/></Internal>
<Discovery><ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>60</MaxAutoParticipantIndex>
<Peers><Peer Address="127.0.0.1"/></Peers></Discovery></Domain></CycloneDDS>"""
"""What keeps a test on this machine."""


def environment(domain: int) -> dict[str, str]:
    """Variables under which a process speaks in a domain of its own, on this machine only."""
    return {**os.environ, "ROS_DOMAIN_ID": str(domain), "CYCLONEDDS_URI": LOOPBACK}


def free_domain() -> int:
    """A domain for the tests of one process of pytest, so that several can run beside each other."""
    return 100 + os.getpid() % 100


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


REPO = Path(__file__).resolve().parents[2]
