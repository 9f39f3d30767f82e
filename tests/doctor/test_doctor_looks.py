"""Looks at what hangs, crashes or lies: the doctor goes on, and says so."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from uavloc.doctor.camera import camera_findings, look_camera, picture_findings
from uavloc.doctor.child import Answer, Children
from uavloc.doctor.gpu import gpu_findings
from uavloc.doctor.gstreamer import gstreamer_findings
from uavloc.doctor.link import link_findings
from uavloc.doctor.opencv import opencv_findings
from uavloc.doctor.provider import provider_findings
from uavloc.doctor.ready import monitor_findings, ready_findings
from uavloc.flightconfig import LinkConfig, PublishConfig

HOSTILE = """
import os, pathlib, signal, subprocess, sys, time
class Hangs:
    def __init__(self, config, clock, folder):
        child = subprocess.Popen(["sleep", "600"])  # holds the pipe open
        (pathlib.Path(folder) / "pids").write_text(f"{os.getpid()} {child.pid}")
        time.sleep(600)
class Crashes:
    def __init__(self, config, clock, folder):
        print("noise on stdout", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
class Speaks:
    def __init__(self, config, clock, folder):
        print('{"facts": {"said": "all is well"}, "problem": ""}', flush=True)
        os.write(1, b"more noise")
        raise OSError("is not plugged in")
"""


def asked(folder: Path, monkeypatch: pytest.MonkeyPatch, camera: str, timeout_s: float) -> Answer:
    """A look at a camera of another's make."""
    (folder / "hostilecameras.py").write_text(HOSTILE, encoding="utf-8")
    config = folder / "uavloc.toml"
    config.write_text(f"[source]\nkind = 'hostilecameras:{camera}'\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    with Children() as children:
        return children.ask("picture", str(config), timeout_s=timeout_s)


def test_a_camera_that_hangs_is_left_after_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began_s = time.monotonic()
    answer = asked(tmp_path, monkeypatch, "Hangs", 6.0)
    assert answer == Answer(None, "no answer within 6 s")
    assert time.monotonic() - began_s < 9.0
    for pid in (tmp_path / "pids").read_text().split():
        stat = Path(f"/proc/{pid}/stat")
        assert not stat.exists() or stat.read_text().rsplit(") ", 1)[1].startswith("Z")
    (found,) = picture_findings(answer)
    assert (found.level, found.what) == ("fail", "no answer within 6 s")


def test_a_driver_that_crashes_takes_only_its_look_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = asked(tmp_path, monkeypatch, "Crashes", 30.0)
    assert answer == Answer(None, "crashed the process that looked (SIGSEGV)")


def test_what_a_library_prints_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(tmp_path, monkeypatch, "Speaks", 30.0) == Answer(None, "is not plugged in")


def test_a_providers_look_runs_a_picture_and_names_what_is_not_there() -> None:
    with Children() as children:
        runs = children.ask("provider", "cpu", "gradient", "fp32", "1", timeout_s=60)
        missing = children.ask("provider", "cuda", "gradient", "fp32", "0", timeout_s=60)
    (found,) = provider_findings("cpu", runs, configured=True)
    assert found.level == "ok"
    assert "gradient in" in found.what
    assert provider_findings("cuda", missing, configured=False)[0].level in {"absent", "warn", "ok"}
    assert provider_findings("cuda", Answer(None, "no answer within 1 s"), configured=True)[0].level == "fail"


def test_devices_that_are_no_cameras_do_not_pass_for_one(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "video0").write_bytes(b"not a device")
    os.mkfifo(tmp_path / "dev" / "video1")
    (tmp_path / "dev" / "video2").symlink_to("/nowhere")
    (found,) = camera_findings(Answer(look_camera(str(tmp_path)).model_dump()))
    assert found.level == "warn"
    assert all(f"video{number}" in found.what for number in range(3))
    assert camera_findings(Answer({"devices": []}))[0].level == "absent"


def gpu(**facts: object) -> Answer:
    empty = dict.fromkeys(["kernel", "driver_cuda", "runtime_cuda", "problem", "tensorrt", "tensorrt_problem"], "")
    return Answer({**empty, "devices": [], **facts})


@pytest.mark.parametrize(
    ("answer", "provider", "topic", "level"),
    [
        (gpu(devices=["Orin"], driver_cuda="12.6"), "cuda", "gpu", "ok"),
        (gpu(), "cpu", "gpu", "absent"),
        (gpu(), "cuda", "gpu", "fail"),
        (gpu(kernel="540.4.0", problem="no CUDA-capable device is detected"), "cpu", "gpu", "warn"),
        (gpu(kernel="540.4.0", problem="no CUDA-capable device is detected"), "tensorrt-ep", "gpu", "fail"),
        (gpu(devices=["x"], driver_cuda="12.6", runtime_cuda="13.0"), "cuda", "cuda", "warn"),
        (gpu(devices=["x"], driver_cuda="12.6", runtime_cuda="12.4"), "cuda", "cuda", "ok"),
        (gpu(runtime_cuda="13.0"), "cpu", "cuda", "absent"),
        (gpu(tensorrt="10.3.0"), "cpu", "tensorrt", "ok"),
        (gpu(tensorrt_problem="needs the package"), "tensorrt", "tensorrt", "fail"),
        (Answer(None, "no answer within 20 s"), "cuda", "gpu", "fail"),
        (Answer(None, "no answer within 20 s"), "cpu", "gpu", "warn"),
    ],
)
def test_a_gpu_is_needed_only_where_it_is_to_compute(answer: Answer, provider: str, topic: str, level: str) -> None:
    (found,) = [finding for finding in gpu_findings(answer, provider) if finding.topic == topic]
    assert found.level == level


def test_an_opencv_that_cannot_open_the_source_stops_a_flight() -> None:
    built = {"version": "4.8.0", "folder": "/usr/lib", "gstreamer": True, "ffmpeg": False, "v4l": True}
    assert opencv_findings(Answer(built), "")[0].level == "ok"
    assert opencv_findings(Answer(built), "v4l2")[0].level == "ok"
    assert opencv_findings(Answer(built), "rtsp")[0].level == "fail"
    broken = opencv_findings(Answer(None, "numpy.core.multiarray failed to import"), "")[0]
    assert broken.level == "fail"
    assert "numpy<2" in broken.fix


def test_gstreamer_is_needed_by_its_own_source_only() -> None:
    missing = Answer(None, "needs GStreamer's Python binding")
    assert gstreamer_findings(missing, None, "feed")[0].level == "absent"
    assert gstreamer_findings(missing, None, "gstreamer")[0].level == "fail"


def test_a_port_that_is_not_there_is_told_through_the_process() -> None:
    link = LinkConfig(url="serial:/dev/no-such-port:115200").model_dump_json()
    with Children() as children:
        answer = children.ask("link", link, PublishConfig().model_dump_json(), "0", "1", timeout_s=30)
    (found,) = link_findings("link 0", answer)
    told = "serial:/dev/no-such-port:115200: no vehicle is heard: No such file or directory"
    assert (found.level, found.what) == ("fail", told)
    assert found.fix.startswith("plug it in")


def test_a_cache_that_could_not_be_checked_stops_a_flight() -> None:
    assert [found.level for found in ready_findings(Answer(None, "no answer within 180 s"))] == ["fail"]


def test_what_is_wrong_is_told_once_and_where_it_belongs() -> None:
    checks = [
        {"what": "engine", "is_ready": True, "said": "evergreen"},
        {"what": "cache", "is_ready": None, "said": "x.mbtiles: there; needs the camera file"},
        {"what": "camera file", "is_ready": False, "said": "x.toml: mission.camera: camera.json: no such file"},
        {"what": "start", "is_ready": False, "said": "x.toml: mission.start: lies off the cache"},
    ]
    found = ready_findings(Answer({"checks": checks, "damage": "", "engine_fault": "answers otherwise"}))
    assert [finding.level for finding in found] == ["fail", "absent", "fail", "fail"]
    assert found[0].what == "answers otherwise"
    assert found[1].fix == "mend that first"
    assert "uavloc camera calibrate" in found[2].fix
    assert "LAT,LON,STD_M" in found[3].fix


def test_a_live_page_whose_address_is_taken_stops_a_flight(tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client", reason="the monitor needs its extra: pip install 'uavloc[monitor]'")
    config = tmp_path / "uavloc.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken, Children() as children:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        config.write_text(f'[monitor]\nlisten = "{address}"\n', encoding="utf-8")
        (found,) = monitor_findings(children.ask("monitor", str(config), timeout_s=30))
    assert (found.topic, found.level) == ("monitor", "fail")
    assert address in found.what
    assert "uavloc[monitor]" in found.fix


def test_a_live_page_that_can_be_served_is_in_order(tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client", reason="the monitor needs its extra: pip install 'uavloc[monitor]'")
    config = tmp_path / "uavloc.toml"
    config.write_text('[monitor]\nlisten = "127.0.0.1:0"\n', encoding="utf-8")
    with Children() as children:
        (found,) = monitor_findings(children.ask("monitor", str(config), timeout_s=30))
    assert (found.topic, found.level) == ("monitor", "ok")
