"""How fast the machine is allowed to run: power mode of a Jetson, under-voltage of a Raspberry Pi, CPU governors."""

from __future__ import annotations

import re
from pathlib import Path

from uavloc.doctor.facts import Facts, line, number
from uavloc.doctor.finding import Finding, absent, ok, warn

_RASPBERRY = "sys/devices/platform/soc*/soc*:firmware/get_throttled"
_UNDER_VOLTAGE, _CAPPED, _THROTTLED, _WAS_LOW = 1 << 0, 1 << 1, 1 << 2, 1 << 16
_STEADY = {"performance"}
_MOST_CPUS = 512
_LOW_SHARE = 0.7


class Cpu(Facts):
    """A processor's clock as it may be now, against what it can do."""

    governor: str
    allowed_khz: int | None
    able_khz: int | None


class Power(Facts):
    """`mode` is the Jetson's power mode as "0 MAXN"; `throttled` the bits of a Raspberry Pi's firmware."""

    mode: str
    throttled: int | None
    cpus: list[Cpu]


def look_power(root: str = "/") -> Power:
    """The facts of the machine below `root`."""
    base = Path(root)
    folders = sorted((base / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq"))[:_MOST_CPUS]
    bits = next((line(path) for path in base.glob(_RASPBERRY)), "")
    return Power(
        mode=_mode(base),
        throttled=int(bits, 16) if re.fullmatch(r"(0x)?[0-9a-fA-F]{1,8}", bits) else None,
        cpus=[
            Cpu(
                governor=line(folder / "scaling_governor")[:40],
                allowed_khz=number(folder / "scaling_max_freq"),
                able_khz=number(folder / "cpuinfo_max_freq"),
            )
            for folder in folders
        ],
    )


def power_findings(power: Power) -> list[Finding]:
    """Mode, supply and clocks, as far as this machine has them."""
    return [*_mode_findings(power), *_supply_findings(power.throttled), *_clock_findings(power.cpus)]


def _mode_findings(power: Power) -> list[Finding]:
    if not power.mode:
        return []
    if "MAXN" in power.mode.upper():
        return [ok("power mode", f"nvpmodel {power.mode}")]
    return [
        warn(
            "power mode",
            f"nvpmodel {power.mode}: not the fastest",
            "sudo nvpmodel -m 0 (if supply and cooling allow it), then sudo jetson_clocks",
        )
    ]


def _supply_findings(bits: int | None) -> list[Finding]:
    if bits is None:
        return []
    fix = "use a supply and cable of 5 V 5 A (Raspberry Pi 5), and a regulator near the board"
    if bits & _UNDER_VOLTAGE:
        return [warn("supply", "the supply voltage is too low now: the board may restart in flight", fix)]
    if bits & (_CAPPED | _THROTTLED):
        return [warn("supply", "the firmware holds the processor back now", "cool the board: a fan, a heat sink")]
    if bits & _WAS_LOW:
        return [warn("supply", "the supply voltage was too low since the start", fix)]
    return [ok("supply", "the voltage was never too low since the start")]


def _clock_findings(cpus: list[Cpu]) -> list[Finding]:
    if not cpus:
        return [absent("cpu clock", "the kernel does not tell (usual in a virtual machine)")]
    held = [cpu for cpu in cpus if cpu.allowed_khz and cpu.able_khz and cpu.allowed_khz < _LOW_SHARE * cpu.able_khz]
    if held:
        most = max(cpu.allowed_khz or 0 for cpu in held) / 1e6
        able = max(cpu.able_khz or 0 for cpu in held) / 1e6
        what = f"{len(held)} of {len(cpus)} cores may only run at {most:.1f} of {able:.1f} GHz"
        return [warn("cpu clock", what, "raise scaling_max_freq, or take a power mode with faster cores")]
    governors = sorted({cpu.governor for cpu in cpus if cpu.governor})
    if governors and not set(governors) <= _STEADY:
        return [
            warn(
                "cpu clock",
                f"governor {', '.join(governors)}: a core that was idle starts slowly",
                "sudo cpupower frequency-set -g performance (Jetson: sudo jetson_clocks)",
            )
        ]
    return [ok("cpu clock", f"governor {', '.join(governors) or 'not told'}, {len(cpus)} cores")]


def _mode(base: Path) -> str:
    """The number of the mode that was last set, with its name from nvpmodel's table."""
    found = re.match(r"pmode:0*(\d{1,4})\b", line(base / "var/lib/nvpmodel/status"))
    if not found:
        return ""
    try:
        table = (base / "etc/nvpmodel.conf").read_text(encoding="utf-8", errors="replace")[: 1 << 20]
    except OSError:
        return found[1]
    name = re.search(rf"<\s*POWER_MODEL\s+ID={found[1]}\s+NAME=(\w{{1,40}})", table)
    return f"{found[1]} {name[1]}" if name else found[1]
