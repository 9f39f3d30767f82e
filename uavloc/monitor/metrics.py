"""The status of the program in the words of Prometheus: base units, one name each, documented in docs/monitor.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

_FUSION = ("fused", "rejected", "ignored", "unknown")
_CAMERA_FAULTS = ("unreadable", "frozen", "black", "out_of_order")


class Metrics:
    """Answers scrapes from a status document."""

    def __init__(self, status: Callable[[], Mapping[str, Any]], clients: Callable[[], int]) -> None:
        self._status, self._clients = status, clients

    def text(self) -> tuple[bytes, str]:
        """All of them, now, and what kind of text it is."""
        import prometheus_client

        return prometheus_client.generate_latest(self), prometheus_client.CONTENT_TYPE_PLAIN_0_0_4

    def collect(self) -> Iterator[Any]:
        """As `prometheus_client` asks for it."""
        status = self._status()
        yield from _program(status, self._clients())
        yield from _position(status)
        yield from _work(status)
        yield from _links(status)


def _program(status: Mapping[str, Any], clients: int) -> Iterator[Any]:
    cache = {"version": status["version"], "cache": status["cache"]["digest"][:16]}
    yield _gauge("uavloc_info", "The program and the content of its map.", [(cache, 1)])
    yield _gauge("uavloc_up_seconds", "Time since the start.", [({}, status["up_s"])])
    yield _gauge(
        "uavloc_resident_memory_bytes", "Memory that the process holds.", [({}, status["memory_mb"] * 1024**2)]
    )
    yield _gauge("uavloc_threads", "Threads of the process.", [({}, status["threads"])])
    yield _gauge("uavloc_monitor_clients", "Pages that watch.", [({}, clients)])


def _position(status: Mapping[str, Any]) -> Iterator[Any]:
    place, publishing = status["position"], status["publishing"]
    yield _gauge("uavloc_position_published", "1 while a position is published.", [({}, int(place["published"]))])
    for name, key, what in (
        ("uavloc_position_std_meters", "std_m", "1 sigma of the position along its worst direction."),
        ("uavloc_position_protection_meters", "protection_m", "Radius that the position vouches for."),
    ):
        yield _gauge(name, what, [({}, place[key])] if place.get(key) is not None else [])
    yield _gauge("uavloc_publishing_paused", "1 while an operator has paused.", [({}, int(publishing["paused"]))])
    yield _counter(
        "uavloc_messages", "What was published, by kind.", [({"kind": k}, v) for k, v in publishing["messages"].items()]
    )
    state = publishing["fusion"]["state"]
    yield _gauge(
        "uavloc_fusion_state",
        "1 for what the autopilot does with the positions.",
        [({"state": each}, int(each == state)) for each in _FUSION],
    )
    yield _gauge("uavloc_vehicle_armed", "1 while the vehicle is armed.", [({}, int(status["vehicle"]["armed"]))])


def _work(status: Mapping[str, Any]) -> Iterator[Any]:
    camera, health = status["camera"], status["camera"]["health"]
    yield _gauge("uavloc_camera_age_seconds", "Time since a picture came.", [({}, camera["age_s"])])
    rate = health["rate_hz"]
    yield _gauge("uavloc_camera_rate_hertz", "Rate of the newest pictures.", [] if rate is None else [({}, rate)])
    yield _counter(
        "uavloc_camera_faults",
        "Pictures with something wrong, by what.",
        [({"fault": each}, health[each]) for each in _CAMERA_FAULTS],
    )
    yield _counter(
        "uavloc_camera_frames", "What became of pictures.", [({"result": k}, v) for k, v in camera["frames"].items()]
    )
    yield _counter(
        "uavloc_outcomes", "What came of frames.", [({"outcome": k}, v) for k, v in status["outcomes"].items()]
    )
    yield _gauge(
        "uavloc_stage_duration_seconds",
        "Quantiles of the newest 512 durations, by stage.",
        [
            ({"stage": stage, "quantile": quantile}, told[key] / 1e3)
            for stage, told in status["timings"].items()
            for quantile, key in (("0.5", "p50_ms"), ("0.95", "p95_ms"))
        ],
    )
    yield _gauge(
        "uavloc_sensor_age_seconds",
        "Time since the newest reading of the autopilot, by kind.",
        [({"sensor": name.removesuffix("_age_s")}, age_s) for name, age_s in status["sensors"].items()],
    )


def _links(status: Mapping[str, Any]) -> Iterator[Any]:
    links = [({"link": link["url"]}, link) for link in status["links"]]
    gauges = (
        ("uavloc_link_connected", "1 while the vehicle is heard.", "connected", 1.0),
        ("uavloc_link_synced", "1 while the clock of the vehicle is known.", "synced", 1.0),
        ("uavloc_link_lost_ratio", "Share of packets that were lost lately.", "lost_share", 1.0),
        ("uavloc_link_heartbeat_age_seconds", "Time since a heartbeat.", "heartbeat_age_s", 1.0),
        ("uavloc_link_clock_std_seconds", "1 sigma of the vehicle's clock.", "clock_std_ns", 1e-9),
    )
    for name, what, key, unit in gauges:
        yield _gauge(name, what, [(of, float(link[key]) * unit) for of, link in links if link[key] is not None])
    counters = (
        ("uavloc_link_received", "Packets of the vehicle.", "received"),
        ("uavloc_link_reconnects", "How often it was opened anew.", "reconnects"),
        ("uavloc_link_reboots", "How often the vehicle started anew.", "reboots"),
        ("uavloc_link_unsent", "Packets thrown away because the link was closed or full.", "unsent"),
    )
    for name, what, key in counters:
        yield _counter(name, what, [(of, link[key]) for of, link in links])
    yield _counter(
        "uavloc_link_refused",
        "Packets that were not believed, by reason.",
        [({**of, "reason": reason}, count) for of, link in links for reason, count in link["refused"].items()],
    )


def _gauge(name: str, what: str, samples: list[tuple[Mapping[str, str], float]]) -> Any:
    from prometheus_client.metrics_core import GaugeMetricFamily

    return _filled(GaugeMetricFamily, name, what, samples)


def _counter(name: str, what: str, samples: list[tuple[Mapping[str, str], float]]) -> Any:
    from prometheus_client.metrics_core import CounterMetricFamily

    return _filled(CounterMetricFamily, name, what, samples)


def _filled(family: Callable[..., Any], name: str, what: str, samples: list[tuple[Mapping[str, str], float]]) -> Any:
    labels = list(samples[0][0]) if samples else []
    made = family(name, what, labels=labels)
    for of, value in samples:
        made.add_metric(list(of.values()), float(value))
    return made
