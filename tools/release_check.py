"""Is this fit to be released? Builds wheel and sdist, installs them into empty environments, and flies the demo there.

    python tools/release_check.py [--python 3.10 ...] [--out dist]

The wheel is built twice and has to come out the same; what is in it is checked; then for every Python of this machine:
an empty environment, the wheel with its extras, `uavloc --version`, `uavloc engine verify`, `uavloc demo`, all outside
of the repository. With the first Python the same from the sdist. Figures of each demo go to stdout.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

from pythons import SUPPORTED, pythons

REPO = Path(__file__).resolve().parent.parent
EXTRAS = "[cpu,build,replay]"
NEEDED = ("uavloc/cli.py", "uavloc/_engines/evergreen/engine.toml", "uavloc/_engines/evergreen/model.onnx")
FOREIGN = ("tests/", "tools/", "docs/", "runs/", "tiles/", ".venv/")
MOST_MB = 20.0
LEAST_SHARE_10M = 0.9
"""Of the demo's frames within 10 m: it reaches about 0.99."""


def build(kind: str, out: Path) -> Path:
    """The wheel or sdist of this checkout."""
    run([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)], REPO)
    (found,) = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return found


def check_contents(wheel: Path, sdist: Path) -> None:
    """Raise AssertionError for a file too many or too few."""
    names = zipfile.ZipFile(wheel).namelist()
    for name in NEEDED:
        assert name in names, f"{wheel.name}: {name} is missing"
    for name in names:
        assert not name.startswith(FOREIGN), f"{wheel.name}: {name} does not belong there"
        assert not name.endswith((".pyc", ".mbtiles", ".plan")), f"{wheel.name}: {name} does not belong there"
    assert any(name.endswith("licenses/LICENSE") for name in names), f"{wheel.name}: has no licence"
    with tarfile.open(sdist) as packed:
        held = {name.partition("/")[2] for name in packed.getnames()}
    for name in ("pyproject.toml", "LICENSE", "README.md", "engines/evergreen/model.onnx"):
        assert name in held, f"{sdist.name}: {name} is missing"
    for path in (wheel, sdist):
        size_mb = path.stat().st_size / 1e6
        assert size_mb < MOST_MB, f"{path.name}: {size_mb:.1f} MB"
        print(f"{path.name}: {size_mb:.1f} MB", flush=True)


def check_installed(package: Path, python: str, version: str, folder: Path) -> None:
    """Install into an empty environment and fly the demo from an empty folder."""
    began = time.monotonic()
    run([python, "-m", "venv", str(folder / "env")], folder)
    pip = [str(folder / "env" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, f"{package}{EXTRAS}"], folder)
    installed_s = time.monotonic() - began
    program = str(folder / "env" / "bin" / "uavloc")
    told = run([program, "--version"], folder)
    run([program, "engine", "verify", "evergreen"], folder)
    run([program, "demo"], folder)
    metrics = json.loads((folder / "demo" / "result" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["false_positions"] == 0, f"{package.name}: {metrics['false_positions']} false positions"
    assert metrics["a_10m"] >= LEAST_SHARE_10M, f"{package.name}: only {metrics['a_10m']:.3f} within 10 m"
    print(
        f"{package.name}, Python {version}: {told.splitlines()[0]}; installed in {installed_s:.0f} s; demo: "
        f"{metrics['published']} of {metrics['attempted']} published, {100 * metrics['a_10m']:.1f} % within 10 m, "
        f"{metrics['false_positions']} false, {metrics['peak_rss_mb']:.0f} MB, {time.monotonic() - began:.0f} s in all",
        flush=True,
    )


def run(command: list[str], folder: Path) -> str:
    """Output of a command that has to succeed, run without anything of this repository on its path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", nargs="+", default=SUPPORTED, metavar="VERSION", help="only these, such as 3.10")
    parser.add_argument("--out", type=Path, help="keep wheel and sdist in this folder")
    arguments = parser.parse_args()
    there = pythons(tuple(arguments.python))
    for version in sorted(set(arguments.python) - set(there)):
        print(f"Python {version}: not on this machine, not checked", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        out = arguments.out.absolute() if arguments.out else folder / "dist"
        wheel, sdist, again = build("wheel", out), build("sdist", out), build("wheel", folder / "again")
        same = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel, again)]
        assert same[0] == same[1], f"{wheel.name}: comes out differently when it is built again"
        check_contents(wheel, sdist)
        jobs = [(wheel, *found) for found in there.items()] + [(sdist, *found) for found in list(there.items())[:1]]
        for number, (package, version, python) in enumerate(jobs):
            place = folder / str(number)
            place.mkdir()
            check_installed(package, python, version, place)
    return 0


if __name__ == "__main__":
    sys.exit(main())
