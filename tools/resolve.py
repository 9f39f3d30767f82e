"""Asks uv which packages an installation would consist of on another board, without installing anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).with_name("uv")


def resolved(options: Sequence[str], extras: Sequence[str], more: str = "") -> tuple[list[str], str]:
    """Lines name==version (with a marker where it counts), or what uv said instead.

    `more` holds requirements besides those of pyproject.toml.
    """
    command = [str(UV), "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:", *options]
    command += [f"--extra={extra}" for extra in extras]
    done = subprocess.run(
        [*command, str(REPO / "pyproject.toml"), *(["-"] if more else [])], input=more, capture_output=True, text=True,
        timeout=900, check=False, env={**os.environ, "UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"},
    )  # fmt: skip
    if done.returncode:
        return [], done.stderr
    return [line for line in done.stdout.splitlines() if re.match(r"[A-Za-z0-9]", line)], ""


def is_offline(said: str) -> bool:
    """Whether nothing could be asked."""
    return bool(re.search(r"error sending request|connect|timed out|dns error|tls|certificate", said, re.IGNORECASE))
