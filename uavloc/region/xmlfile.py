"""XML from strangers: parsed without document types, so that there are no entities to expand or to fetch."""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from uavloc.errors import RegionError

_MOST_DEPTH = 100


def parse_xml(content: bytes, where: str) -> Element:
    """The root of a document, tags without their namespaces; raises RegionError where it is no plain XML."""
    tree = TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MOST_DEPTH:
            raise RegionError(f"{where}: more than {_MOST_DEPTH} elements inside each other")
        tree.start(_local(tag), attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        tree.end(_local(tag))

    def doctype(*_: object) -> None:
        raise RegionError(f"{where}: has a DOCTYPE; document types and entities are refused, KML needs none")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = tree.data
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise RegionError(f"{where}: not XML: {error}") from error
    except (LookupError, ValueError) as error:
        raise RegionError(f"{where}: not XML: unknown encoding: {error}") from error
    return tree.close()


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]
