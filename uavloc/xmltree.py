"""XML from anywhere as a tree: of a bounded size and depth, without entities, and without fetching anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn
from xml.parsers import expat

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_BYTES = 32 << 20
MAX_DEPTH = 100
MAX_ELEMENTS = 1_000_000


def parse_xml(data: bytes) -> Element:
    """The root of a document, its names without namespaces; raises ValueError telling what is wrong."""
    from xml.etree.ElementTree import TreeBuilder

    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES >> 20} MiB")
    builder, depth, count = TreeBuilder(), 0, 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise ValueError(f"more than {MAX_DEPTH} elements deep or {MAX_ELEMENTS} in all")
        builder.start(_local(name), {_local(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_local(name))

    def entity(*_: object) -> NoReturn:
        raise ValueError("declares entities, which are not expanded")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, builder.data
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(f"not XML: {error}") from error
    return builder.close()


def _local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition(" ")[2]
