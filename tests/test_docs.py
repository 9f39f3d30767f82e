"""What the documents tell a reader to type works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from docpages import PAGES, blocks, commands
from program import ENVIRONMENT, REPO

from uavloc.cli import _parser, _with_numbers_attached
from uavloc.errors import UavlocError

RUN = [page for page in PAGES if any(block.kind == "sh" for block in blocks(page))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_every_command_of_a_page_is_one_that_the_program_knows(page: Path) -> None:
    for words in commands(page):
        try:
            _parser(words).parse_args(_with_numbers_attached(words))
        except (UavlocError, SystemExit) as refused:
            if not isinstance(refused, SystemExit) or refused.code != 0:
                pytest.fail(f"{page.name}: uavloc {' '.join(words)}: {refused}")


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_the_commands_of_a_page_work_in_their_order(page: Path, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "uavloc"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m uavloc "$@"\n')
    program.chmod(0o755)
    (tmp_path / "here").mkdir()
    environment = {**ENVIRONMENT, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    script = "".join(block.text for block in blocks(page) if block.kind == "sh" and _has(block.needs))
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=tmp_path / "here", env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def _has(needs: str | None) -> bool:
    return needs is None or bool(os.environ.get(needs))


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the site needs MkDocs: pip install 'uavloc[docs]'")
    environment = {**ENVIRONMENT, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=REPO, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    fetched = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="?(https?:[^" >]+)', _text_of(tmp_path / "site"))
    assert fetched == []


def _text_of(site: Path) -> str:
    return "".join(page.read_text(encoding="utf-8") for page in site.glob("*.html"))
