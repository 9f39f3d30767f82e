"""What people read: results on stdout; progress on stderr, a bar on a terminal and a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from uavloc.errors import printable
from uavloc.types import Progress

LINE_SECONDS = 5.0
_UNFOLDED = 1000
"""Width of tables that go to a file: nothing is folded."""
TABLE_COLUMNS = 100
"""Width for tables of sentences, which nobody reads on one line."""


def say(text: str) -> None:
    """A line of result, on stdout."""
    sys.stdout.write(text + "\n")


def show_table(rows: Sequence[tuple[str, str]], title: str | None = None, width: int = _UNFOLDED) -> None:
    """Labels with values, on stdout; values are folded to a terminal's width, elsewhere to `width`, and never cut.

    The title, often a path to be copied, stays on one line.
    """
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(Column(), Column(overflow="fold"), show_header=False)
    for label, value in rows:
        table.add_row(Text(printable(label)), Text("\n".join(map(printable, value.split("\n")))))
    console = Console(width=None if sys.stdout.isatty() else width)
    if title is not None:
        console.print(Text(printable(title), "table.title"), soft_wrap=True)
    console.print(table)


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """Shows how far long work is while it calls what this gives with (done, total)."""
    if not sys.stderr.isatty():
        yield _lines(label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(label: str) -> Progress:
    """Says how far the work is every few seconds, and that it is done; quick work says nothing."""
    said, last = time.monotonic(), 0

    def tell(done: int, total: int) -> None:
        nonlocal said, last
        if (time.monotonic() - said >= LINE_SECONDS and done != last) or (0 < last < done == total):
            said, last = time.monotonic(), done
            sys.stderr.write(f"{label}: {done} of {total} ({100 * done // max(1, total)} %)\n")

    return tell
