"""The page: a frame of HTML, its style and its program, and the numbers they show, in one file that asks for nothing.

The Content-Security-Policy names the hashes of style and program: nothing else runs, whatever the log is called, and
nothing is fetched.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from uavloc.report.content import Content
from uavloc.report.data import page_data

_PROGRAM = ("base", "marks", "map", "ground", "controls", "plots", "panels", "main")
_SHARED = ("mapview", "frameview")
_PAGE = files("uavloc.report") / "page"


def report_html(content: Content) -> str:
    """The report as one HTML document."""
    style, program = page_text("page.css"), program_of(page_text(f"{name}.js") for name in _PROGRAM)
    parts = {"title": content.title, "policy": policy(style, program)}
    return filled(page_text("page.html"), style, program, page_data(content), parts)


def page_text(name: str) -> str:
    """A file of the page."""
    return (_PAGE / name).read_text(encoding="utf-8")


def program_of(scripts: Iterable[str]) -> str:
    """Scripts as one program that leaves no names behind."""
    body = "\n".join(scripts)
    return f'"use strict";\n(() => {{\n{body}}})();\n'


def policy(style: str, program: str, images: str = "data:", more: str = "form-action 'none'") -> str:
    """The Content-Security-Policy of a page with that style and that program, and nothing else that runs."""
    return (
        f"default-src 'none'; img-src {images}; style-src '{_hash(style)}'; script-src '{_hash(program)}'; "
        f"base-uri 'none'; {more}"
    )


def filled(page: str, style: str, program: str, data: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    """A page with what belongs between its {{braces}}: style, program, data, texts by name, and what pages share."""
    parts = {name: page_text(f"{name}.html") for name in _SHARED}
    parts |= {name: html.escape(text) for name, text in texts.items()}
    parts |= {"style": style, "program": program, "data": json_in_html(data)}
    head, *rest = page.split("{{")
    return head + "".join(parts[name] + after for name, after in (piece.split("}}", 1) for piece in rest))


def json_in_html(value: Any) -> str:
    """JSON that ends no script element, whatever its strings hold; raises ValueError for NaN and infinity."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
