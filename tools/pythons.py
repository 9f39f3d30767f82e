"""The Pythons of this machine that uavloc supports: what other tools here try things with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

SUPPORTED = ("3.10", "3.11", "3.12")


def pythons(wanted: tuple[str, ...] = SUPPORTED) -> dict[str, str]:
    """Version -> interpreter, for every one that is here and can make environments: on the path, or of pyenv."""
    found = {}
    for version in wanted:
        pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python{version}"))
        on_path = [shutil.which(f"python{version}")]
        running = [sys.executable] if sys.version.startswith(f"{version}.") else []
        candidates = [str(path) for path in (*on_path, *reversed(pyenv), *running) if path]
        usable = next((path for path in candidates if _makes_environments(path, version)), None)
        if usable:
            found[version] = usable
    return found


def _makes_environments(python: str, version: str) -> bool:
    """Whether it really is that version: a shim of pyenv stands on the path and refuses."""
    ask = "import ensurepip, venv, sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", ask], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0 and done.stdout.strip() == version
