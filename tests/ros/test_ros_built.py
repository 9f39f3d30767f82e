"""The Python packages of ros2_ws, built as colcon does: what is installed, which Python their programs start with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = Path(__file__).resolve().parents[2] / "ros2_ws" / "src"
PROGRAMS = {"uavloc_ros": {"uavloc_node"}, "uavloc_px4": {"px4_node", "uavloc_and_px4"}}
SYSTEM = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
INSTALL = ["install", "--record", "install.log", "--single-version-externally-managed"]
DEVELOP = ["develop", "--editable", "--build-directory", "build", "--no-deps", "install_data"]
"""What colcon runs after egg_info and build, and for --symlink-install."""


@pytest.fixture(params=sorted(PROGRAMS))
def package(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a package, in a folder of its own."""
    copy = tmp_path / request.param
    shutil.copytree(PACKAGES / request.param, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.mark.parametrize("how", [INSTALL, DEVELOP], ids=["plain", "symlink-install"])
def test_programs_built_by_the_system_start_with_the_python_that_is_active(package: Path, how: list[str]) -> None:
    assert {first_line(path) for path in programs(package, SYSTEM, how)} == {"#!/usr/bin/env python3"}


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="these tests do not run in an environment")
@pytest.mark.parametrize("how", [INSTALL, DEVELOP], ids=["plain", "symlink-install"])
def test_programs_built_in_an_environment_start_with_its_python(package: Path, how: list[str]) -> None:
    for path in programs(package, Path(sys.executable), how):
        assert Path(first_line(path).removeprefix("#!")).parent == Path(sys.prefix, "bin")


def test_what_ros_looks_for_is_installed(package: Path) -> None:
    installed = {path.parent for path in programs(package, SYSTEM, INSTALL)}.pop().parents[1]
    share = installed / "share"
    assert (share / "ament_index" / "resource_index" / "packages" / package.name).is_file()
    for folder, kind in [("launch", "*.launch.py"), ("config", "*"), (".", "package.xml")]:
        theirs = {path.name for path in (share / package.name / folder).glob(kind) if path.is_file()}
        assert theirs == {path.name for path in (package / folder).glob(kind)} != set()


def programs(package: Path, python: Path, how: list[str]) -> list[Path]:
    """Build a package; its programs, where `ros2 run` looks for them."""
    if subprocess.run([python, "-c", "import setuptools.command.easy_install"], check=False).returncode:
        pytest.skip(f"{python} has no setuptools that colcon can build with")
    prefix, override = package.parent / "install", package.parent / "override"
    site = prefix / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    site.mkdir(parents=True)
    override.mkdir()
    (override / "sitecustomize.py").write_text(  # so colcon has setuptools install to where it wants
        f"import sys\nsys.real_prefix = sys.prefix\nsys.prefix = sys.exec_prefix = {str(prefix)!r}\n"
    )
    ran = subprocess.run(
        [python, "setup.py", *(["egg_info", "build"] if how is INSTALL else []), *how],
        cwd=package,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(override), str(site)])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = sorted((prefix / "lib" / package.name).iterdir())
    assert {path.name for path in found} == PROGRAMS[package.name]
    assert all(os.access(path, os.X_OK) for path in found)
    return found


def first_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0]
