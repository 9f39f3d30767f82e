"""The whole examination: every look has a process and a time limit, the findings come in a fixed order."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from uavloc.autopilot.transport import transport_for
from uavloc.config import Config, load_config
from uavloc.doctor.board import Board, board_findings
from uavloc.doctor.camera import camera_findings, picture_findings
from uavloc.doctor.child import Answer, Children
from uavloc.doctor.clocks import Clocks, clock_findings
from uavloc.doctor.disk import Disk, folder_findings, recorder_findings
from uavloc.doctor.facts import Facts
from uavloc.doctor.finding import Finding, ok, warn
from uavloc.doctor.gpu import gpu_findings
from uavloc.doctor.gstreamer import gstreamer_findings
from uavloc.doctor.link import link_findings, parameter_findings
from uavloc.doctor.opencv import opencv_findings
from uavloc.doctor.packages import Packages, package_findings
from uavloc.doctor.power import Power, power_findings
from uavloc.doctor.provider import provider_findings
from uavloc.doctor.ram import Memory, memory_findings
from uavloc.doctor.ready import monitor_findings, ready_findings, unconfigured
from uavloc.doctor.thermal import Thermal, thermal_findings
from uavloc.flightconfig import LinkConfig
from uavloc.onboard.wholepaths import with_whole_paths
from uavloc.types import Progress

_AT_ONCE = 3
_SECONDS = {"cache": 180.0, "provider": 60.0, "link": 45.0, "picture": 25.0}
_HEARD_S = "6"
"""How long a vehicle may be silent; heartbeats come every second."""
_PLAN_S = 300.0
"""TensorRT compiles the engine first, which takes minutes once."""
_USUAL_S = 20.0
_SMALL_ENGINE = "gradient"
_PROVIDERS = ("cpu", "cuda", "tensorrt-ep", "tensorrt")

Seen = TypeVar("Seen", bound=Facts)


@dataclass(frozen=True, slots=True)
class Case:
    """What is examined: a configuration or none, and the links to listen on."""

    path: Path | None
    config: Config
    links: tuple[LinkConfig, ...]

    @property
    def source_kind(self) -> str:
        """Where pictures come from; empty where that is not configured."""
        return self.config.source.kind if self.path else ""


@dataclass(frozen=True, slots=True)
class _Look:
    name: str
    words: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        planned = self.name == "provider" and self.words[0].startswith("tensorrt")
        return _PLAN_S if planned else _SECONDS.get(self.name, _USUAL_S)


def case_of(path: Path | None, mavlink: str | None) -> Case:
    """Raises ConfigError for a configuration or a URL that cannot be."""
    config = with_whole_paths(load_config(path), path.absolute().parent) if path else Config()
    links = config.link if path else ()
    if mavlink is not None:
        links = (config.link[0].model_copy(update={"url": mavlink}),)
    for link in links:
        transport_for(link.url)
    return Case(path, config, links)


def examine(case: Case, progress: Progress | None = None) -> list[Finding]:
    """All findings about this machine and what it is to fly with."""
    flying = _is_flying(case)
    looks = _looks(case, flying)
    with Children() as children, ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            asked = {look: pool.submit(children.ask, look.name, *look.words, timeout_s=look.seconds) for look in looks}
            answers: dict[_Look, Answer] = {}
            for look, future in asked.items():
                answers[look] = future.result()
                if progress:
                    progress(len(answers), len(looks))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            children.end()
            raise
    return _findings(case, flying, answers)


def _looks(case: Case, flying: bool) -> list[_Look]:
    names = ["packages", "opencv", "board", "power", "thermal", "memory", "clock", "gpu", "gstreamer", "camera"]
    looks = [_Look(name) for name in names]
    looks += [_Look("provider", _provider_words(case, name)) for name in _PROVIDERS]
    looks += [_Look("disk", (folder,)) for folder in _folders(case).values()]
    if case.path is not None:
        looks.append(_Look("cache", (str(case.path),)))
    if case.path is not None and not flying:
        looks.append(_Look("picture", (str(case.path),)))
        if case.config.monitor.listen:
            looks.append(_Look("monitor", (str(case.path),)))
    if not flying:
        looks += [_link_look(case, index) for index in range(len(case.links))]
    return list(dict.fromkeys(looks))


def _provider_words(case: Case, name: str) -> tuple[str, ...]:
    """The configured engine where it is to run, the smallest elsewhere."""
    engine = case.config.engine
    if name == engine.provider:
        return name, engine.name, engine.precision, str(engine.threads)
    return name, _SMALL_ENGINE, "fp32", "0"


def _link_look(case: Case, index: int) -> _Look:
    return _Look(
        "link", (case.links[index].model_dump_json(), case.config.publish.model_dump_json(), str(index), _HEARD_S)
    )


def _folders(case: Case) -> Mapping[str, str]:
    """Where a flight writes, by topic."""
    if case.path is None:
        return {"disk": str(Path.cwd())}
    config = case.config
    places = {
        "state file": str(Path(config.mission.state).parent) if config.mission.state else "",
        "control socket": str(Path(config.operator.socket).parent) if config.operator.socket else "",
        "recorder": config.recorder.folder,
    }
    return {topic: folder for topic, folder in places.items() if folder}


def _findings(case: Case, flying: bool, answers: Mapping[_Look, Answer]) -> list[Finding]:
    engine, kind = case.config.engine, case.source_kind
    board = _seen(answers[_Look("board")], Board)
    found = [
        *_judged("board", answers[_Look("board")], Board, board_findings),
        *_judged("python", answers[_Look("packages")], Packages, package_findings),
        *opencv_findings(answers[_Look("opencv")], kind),
        *gstreamer_findings(answers[_Look("gstreamer")], board, kind),
    ]
    for name in _PROVIDERS:
        answer = answers[_Look("provider", _provider_words(case, name))]
        found += provider_findings(name, answer, name == engine.provider)
    found += gpu_findings(answers[_Look("gpu")], engine.provider)
    found += camera_findings(answers[_Look("camera")])
    found += _machine(answers)
    for topic, folder in _folders(case).items():
        found += _disk(topic, answers[_Look("disk", (folder,))], case)
    return [*found, *_mission(case, flying, answers)]


def _machine(answers: Mapping[_Look, Answer]) -> list[Finding]:
    return [
        *_judged("clock", answers[_Look("clock")], Clocks, clock_findings),
        *_judged("memory", answers[_Look("memory")], Memory, memory_findings),
        *_judged("thermal", answers[_Look("thermal")], Thermal, thermal_findings),
        *_judged("power", answers[_Look("power")], Power, power_findings),
    ]


def _mission(case: Case, flying: bool, answers: Mapping[_Look, Answer]) -> list[Finding]:
    """What only a configuration, or a link, makes worth a look."""
    found = ready_findings(answers[_Look("cache", (str(case.path),))]) if case.path else unconfigured()
    if flying:
        told = "the onboard program is running: camera, links and monitor are in its hands ('uavloc control status')"
        return [*found, ok("onboard program", told)]
    if case.path is not None:
        if case.config.monitor.listen:
            found += monitor_findings(answers[_Look("monitor", (str(case.path),))])
        found += picture_findings(answers[_Look("picture", (str(case.path),))])
    judged: list[Finding] = []
    for index in range(len(case.links)):
        answer = answers[_link_look(case, index)]
        found += link_findings(f"link {index}", answer)
        judged = judged or parameter_findings(answer)
    return found + judged


def _disk(topic: str, answer: Answer, case: Case) -> list[Finding]:
    recorder = case.config.recorder
    if topic == "recorder":
        return _judged(topic, answer, Disk, lambda disk: recorder_findings(disk, recorder.max_gb, recorder.min_free_gb))
    return _judged(topic, answer, Disk, lambda disk: folder_findings(topic, disk))


def _judged(topic: str, answer: Answer, kind: type[Seen], rule: Callable[[Seen], Sequence[Finding]]) -> list[Finding]:
    """What a rule says of facts; a look without an answer is a warning of its own."""
    facts = _seen(answer, kind)
    if facts is None:
        return [warn(topic, f"could not be looked at: {answer.problem}", "restart the machine, then look again")]
    return list(rule(facts))


def _seen(answer: Answer, kind: type[Seen]) -> Seen | None:
    return None if answer.facts is None else kind.model_validate(answer.facts)


def _is_flying(case: Case) -> bool:
    """Whether the onboard program of this configuration answers at its socket."""
    name = case.config.operator.socket if case.path else ""
    if not name:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(name)
        except (OSError, ValueError):
            return False
    return True
