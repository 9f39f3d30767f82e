"""What the doctor says of machines: boards, heat, power, memory, disks, clocks."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import pytest
from machines import cpu, jetson, meminfo, put, raspberry, zone

from uavloc.doctor.board import board_findings, look_board
from uavloc.doctor.clocks import Clocks, clock_findings, look_clock
from uavloc.doctor.disk import Disk, folder_findings, look_disk, recorder_findings
from uavloc.doctor.finding import Finding
from uavloc.doctor.power import look_power, power_findings
from uavloc.doctor.ram import look_memory, memory_findings
from uavloc.doctor.thermal import look_thermal, thermal_findings

NOW = datetime(2026, 11, 24, 12, tzinfo=timezone.utc).timestamp()


def levels(findings: list[Finding]) -> list[tuple[str, str]]:
    for finding in findings:
        assert finding.what
        assert bool(finding.fix) or finding.level in {"ok", "absent"}
    return [(finding.topic, finding.level) for finding in findings]


def test_a_jetson_is_known_with_its_power_mode_and_heat(tmp_path: Path) -> None:
    root = str(jetson(tmp_path))
    board = look_board(root)
    assert (board.kind, board.l4t, board.model) == ("jetson", "36.4.3", "NVIDIA Jetson Orin Nano Developer Kit")
    assert board.system == "Ubuntu 22.04.5 LTS"
    assert "L4T 36.4.3" in board_findings(board)[0].what
    thermal = look_thermal(root)
    assert [found.name for found in thermal.zones] == ["cpu-thermal", "gpu-thermal"]
    assert thermal_findings(thermal)[0].what == "cpu-thermal is at 52 C; it slows down at 99 C; 2 sensors"
    mode, clock = power_findings(look_power(root))
    assert (mode.level, mode.what) == ("warn", "nvpmodel 1 15W: not the fastest")
    assert "nvpmodel -m 0" in mode.fix
    assert (clock.topic, clock.level) == ("cpu clock", "warn")
    assert "schedutil" in clock.what
    assert levels(memory_findings(look_memory(root))) == [("memory", "ok")]


def test_an_older_jetpack_is_told(tmp_path: Path) -> None:
    put(jetson(tmp_path), "etc/nv_tegra_release", "# R35 (release), REVISION: 6.1, GCID: 1\n")
    (found,) = board_findings(look_board(str(tmp_path)))
    assert (found.level, found.fix) == ("warn", "flash JetPack 6 or newer")


@pytest.mark.parametrize(
    ("bits", "level", "told"),
    [
        ("0", "ok", "never too low"),
        ("50005", "warn", "too low now"),
        ("0x4", "warn", "holds the processor back now"),
        ("10000", "warn", "was too low since the start"),
    ],
)
def test_a_raspberry_pi_tells_of_its_supply(tmp_path: Path, bits: str, level: str, told: str) -> None:
    root = str(raspberry(tmp_path, bits))
    assert look_board(root).kind == "raspberry"
    supply = power_findings(look_power(root))[0]
    assert (supply.topic, supply.level) == ("supply", level)
    assert told in supply.what


@pytest.mark.parametrize(
    ("celsius", "trips", "level"),
    [
        (60, {"passive": 99, "critical": 104.5}, "ok"),
        (99, {"passive": 99, "critical": 104.5}, "warn"),
        (103, {"passive": 99, "critical": 104.5}, "fail"),
        (84, {}, "ok"),
        (86, {}, "warn"),
        (99, {}, "fail"),
        (60, {"passive": -274, "critical": 0}, "ok"),
    ],
)
def test_heat_counts_against_the_limits_of_the_sensor(
    tmp_path: Path, celsius: float, trips: dict[str, float], level: str
) -> None:
    zone(tmp_path, 0, "cpu", celsius, **trips)
    zone(tmp_path, 1, "nvme", 40)
    (found,) = thermal_findings(look_thermal(str(tmp_path)))
    assert found.level == level
    assert found.what.startswith("cpu is at")


def test_an_empty_machine_is_no_reason_to_fail(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert levels(thermal_findings(look_thermal(root))) == [("thermal", "absent")]
    assert levels(power_findings(look_power(root))) == [("cpu clock", "absent")]
    assert levels(memory_findings(look_memory(root))) == [("memory", "absent")]
    assert look_board(root).kind == "other"


@pytest.mark.parametrize("junk", [b"", b"\0", b"\xff\xfe", b"-", b"9" * 5000, b"0x", b"1e9", b"\n\n", b"\x1b[31m"])
def test_files_of_junk_are_passed_over(tmp_path: Path, junk: bytes) -> None:
    root = jetson(raspberry(tmp_path, "0"))
    for path in [path for path in root.rglob("*") if path.is_file()]:
        path.write_bytes(junk)
    looks = (look_board(str(root)), look_thermal(str(root)), look_power(str(root)), look_memory(str(root)))
    board, thermal, power, memory = looks
    findings = [*board_findings(board), *thermal_findings(thermal), *power_findings(power), *memory_findings(memory)]
    assert all(finding.level != "fail" for finding in findings)
    assert all(finding.what.isprintable() for finding in findings)


def test_cores_that_are_held_back_are_counted(tmp_path: Path) -> None:
    cpu(tmp_path, 0, "performance", 2_000_000, 2_000_000)
    cpu(tmp_path, 1, "performance", 729_600, 2_000_000)
    (found,) = power_findings(look_power(str(tmp_path)))
    assert found.what == "1 of 2 cores may only run at 0.7 of 2.0 GHz"


@pytest.mark.parametrize(("free_gb", "level"), [(4.0, "ok"), (0.5, "warn"), (0.1, "fail")])
def test_memory_that_is_left_counts(tmp_path: Path, free_gb: float, level: str) -> None:
    meminfo(tmp_path, 8.0, free_gb)
    assert levels(memory_findings(look_memory(str(tmp_path)))) == [("memory", level)]


def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    meminfo(tmp_path, 8.0, 6.0)
    put(tmp_path, "sys/fs/cgroup/memory.max", "500000000\n")
    put(tmp_path, "sys/fs/cgroup/memory.current", "400000000\n")
    (found,) = memory_findings(look_memory(str(tmp_path)))
    assert (found.level, found.what) == ("fail", "100 MB free of 500 MB: too little to fly with")
    put(tmp_path, "sys/fs/cgroup/memory.max", "max\n")
    assert levels(memory_findings(look_memory(str(tmp_path)))) == [("memory", "ok")]


def test_a_folder_to_be_made_is_looked_for_above(tmp_path: Path) -> None:
    disk = look_disk(str(tmp_path / "new" / "recordings"))
    assert (disk.there, disk.writable) == (str(tmp_path), True)
    facts = os.statvfs(tmp_path)
    assert disk.free_gb == pytest.approx(facts.f_bavail * facts.f_frsize / 1e9, rel=0.05)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_nothing_is_recorded() -> None:
    disk = look_disk("/proc/sys")  # whatever the user, nobody makes files there
    assert not disk.writable
    assert levels(recorder_findings(disk, 20, 1)) == [("recorder", "fail")]
    assert levels(folder_findings("state file", disk)) == [("state file", "fail")]


@pytest.mark.parametrize(("free_gb", "level"), [(100.0, "ok"), (15.0, "warn"), (0.5, "warn")])
def test_room_for_recordings(free_gb: float, level: str) -> None:
    disk = Disk(folder="/r", there="/r", free_gb=free_gb, writable=True)
    assert levels(recorder_findings(disk, 20.0, 1.0)) == [("recorder", level)]


def test_clocks_are_watched_and_judged() -> None:
    seen = look_clock()
    assert seen.backwards == 0
    assert abs(seen.wall_s - datetime.now(timezone.utc).timestamp()) < 5
    right = Clocks(wall_s=NOW, jump_ms=0.01, backwards=0, synchronised=True, source="arch_sys_counter")
    assert levels(clock_findings(right)) == [("clock", "ok")]
    for change, told in (
        ({"synchronised": False}, "not synchronised"),
        ({"jump_ms": -1500.0}, "moved by -1500 ms"),
        ({"wall_s": 100.0}, "1970-01-01"),
        ({"backwards": 2}, "went backwards"),
        ({"source": "jiffies"}, "jiffies"),
    ):
        found = clock_findings(right.model_copy(update=change))
        assert levels(found) == [("clock", "warn")]
        assert told in found[0].what
