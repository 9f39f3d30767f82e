"""Machines as folders: what Linux tells of itself in /proc, /sys, /etc and /var."""

from __future__ import annotations

from pathlib import Path

GB = 1_000_000  # in kB, as /proc/meminfo counts


def put(root: Path, name: str, text: str | bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def zone(root: Path, number: int, name: str, celsius: float, **trips: float) -> None:
    """A temperature sensor with limits such as passive=99."""
    folder = f"sys/class/thermal/thermal_zone{number}"
    put(root, f"{folder}/type", f"{name}\n")
    put(root, f"{folder}/temp", f"{round(1000 * celsius)}\n")
    for i, (kind, at) in enumerate(trips.items()):
        put(root, f"{folder}/trip_point_{i}_type", f"{kind}\n")
        put(root, f"{folder}/trip_point_{i}_temp", f"{round(1000 * at)}\n")


def cpu(root: Path, number: int, governor: str, allowed_khz: int, able_khz: int) -> None:
    folder = f"sys/devices/system/cpu/cpu{number}/cpufreq"
    put(root, f"{folder}/scaling_governor", f"{governor}\n")
    put(root, f"{folder}/scaling_max_freq", f"{allowed_khz}\n")
    put(root, f"{folder}/cpuinfo_max_freq", f"{able_khz}\n")


def meminfo(root: Path, total_gb: float, free_gb: float) -> None:
    lines = [("MemTotal", total_gb), ("MemFree", free_gb / 3), ("MemAvailable", free_gb)]
    put(root, "proc/meminfo", "".join(f"{name}:{round(gb * 1e9 / 1024):>16} kB\n" for name, gb in lines))


def jetson(root: Path) -> Path:
    """A Jetson Orin Nano of JetPack 6 in a slow power mode."""
    put(root, "proc/device-tree/model", b"NVIDIA Jetson Orin Nano Developer Kit\0")
    release = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 2025\n"
    put(root, "etc/nv_tegra_release", release)
    put(root, "etc/os-release", 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 22.04.5 LTS"\n')
    put(root, "var/lib/nvpmodel/status", "pmode:0001\n")
    put(root, "etc/nvpmodel.conf", "< POWER_MODEL ID=0 NAME=MAXN_SUPER >\n< POWER_MODEL ID=1 NAME=15W >\n")
    zone(root, 0, "cpu-thermal", 52.5, passive=99, critical=104.5)
    zone(root, 1, "gpu-thermal", 51.0, passive=99, critical=104.5)
    put(root, "sys/class/thermal/thermal_zone2/type", "cv0-thermal\n")  # is off, cannot be read
    for number in range(4):
        cpu(root, number, "schedutil", 1_510_400, 1_510_400)
    meminfo(root, 7.6, 4.9)
    return root


def raspberry(root: Path, throttled: str = "0") -> Path:
    """A Raspberry Pi 5."""
    put(root, "proc/device-tree/model", b"Raspberry Pi 5 Model B Rev 1.0\0")
    put(root, "etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    put(root, "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled", f"{throttled}\n")
    zone(root, 0, "cpu-thermal", 61.0, critical=110)
    cpu(root, 0, "ondemand", 2_400_000, 2_400_000)
    meminfo(root, 8.2, 6.0)
    return root
