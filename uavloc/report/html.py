"""The page: a frame of HTML, its style and its program, and the numbers they show, in one file that asks for nothing.

The Content-Security-Policy names the hashes of style and program: nothing else runs, whatever the log is called, and
nothing is fetched.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from typing import Any

from uavloc.report.content import Content
from uavloc.report.data import page_data

_PROGRAM = ("base", "marks", "map", "plots", "panels", "main")
_PAGE = files("uavloc.report") / "page"


def report_html(content: Content) -> str:
    """The report as one HTML document."""
    style, program = _text("page.css"), _program()
    parts = {
        "policy": _policy(style, program),
        "title": html.escape(content.title),
        "style": style,
        "program": program,
        "data": json_in_html(page_data(content)),
    }
    page = _text("page.html")
    head, *rest = page.split("{{")
    return head + "".join(parts[name] + after for name, after in (piece.split("}}", 1) for piece in rest))


def json_in_html(value: Any) -> str:
    """JSON that ends no script element, whatever its strings hold; raises ValueError for NaN and infinity."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _program() -> str:
    body = "\n".join(_text(f"{name}.js") for name in _PROGRAM)
    return f'"use strict";\n(() => {{\n{body}}})();\n'


def _policy(style: str, program: str) -> str:
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(program)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _text(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")
