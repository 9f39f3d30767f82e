"""What is wrong with a file that a person wrote, in plain words: the field, what it must be, and what was likely meant.

One place for everything that pydantic checks: configuration, camera, corners, servers, engine cards, manifests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from uavloc.errors import one_line, printable

ISO_DATE = r"^$|^\d{4}(-\d{2}(-\d{2}(T.+)?)?)?$"
ONE_LINE = r"^[^\x00-\x1f\x7f]*$"
_FORMS = {ISO_DATE: "must be a date as 2024, 2024-05 or 2024-05-31", ONE_LINE: "must be one line of plain text"}
"""Patterns that fields share, and what they ask for in words."""
_LIKE = 0.7
"""Likeness (difflib) from which a word is taken for another one misspelt."""
_MOST_KNOWN = 20
_MOST_LETTERS = 60
_WHOLE = "must be a whole number"
_NUMBER = "must be a number"
_TABLE = "must be a table of keys and values"
_PLAIN = {
    "missing": "is missing",
    "int_parsing": _WHOLE, "int_type": _WHOLE, "int_from_float": _WHOLE, "int_parsing_size": _WHOLE,
    "float_parsing": _NUMBER, "float_type": _NUMBER, "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false", "bool_type": "must be true or false",
    "string_type": "must be text in quotes", "string_unicode": "must be text",
    "list_type": "must be a list", "tuple_type": "must be a list",
    "dict_type": _TABLE, "model_type": _TABLE, "model_attributes_type": _TABLE,
    "greater_than": "must be more than {gt:g}", "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}", "less_than_equal": "must be at most {le:g}",
    "too_short": "must hold at least {min_length} values", "too_long": "must hold at most {max_length} values",
    "string_too_long": "must not be longer than {max_length} characters",
    "string_pattern_mismatch": "is not of the form {pattern}",
    "literal_error": "must be {expected}",
}  # fmt: skip
"""By pydantic's names of what it found; what is not here keeps its own words."""
_UNQUOTED = {"missing", "value_error", "too_short", "too_long", "string_too_long"}
"""After these the value that was found tells nothing more."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that another one is likely a slip of, None where none is near."""
    names = sorted(known)
    begun = [name for name in names if name.startswith(f"{word}_")]
    if word and len(begun) == 1:
        return begun[0]
    return next(iter(get_close_matches(word.lower(), names, 1, _LIKE)), None)


def refusal(error: ValidationError, model: type[BaseModel]) -> str:
    """The first thing that is wrong, on one line: `field: what it must be, not what was found; a suggestion`."""
    first = error.errors()[0]
    path, owner = _place(first["loc"], model)
    text = _what(first, owner, model)
    return f"{path}: {text}" if path else text


def _place(loc: tuple[int | str, ...], model: type[BaseModel]) -> tuple[str, type[BaseModel]]:
    """The field as a person would write it, without pydantic's names of alternatives, and the table it belongs to."""
    owner: type[BaseModel] = model
    names: list[str] = []
    table: type[BaseModel] | None = model
    for i, part in enumerate(loc):
        if isinstance(part, int) or (table is not None and (part in _fields(table) or i == len(loc) - 1)):
            names.append(_short(str(part)))
        if table is not None and isinstance(part, str):
            owner, table = table, _inner(_fields(table).get(part))
    return ".".join(names), owner


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """What a table may hold, by the names that stand in a file."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The table that a field holds, one or a list of them or none at all."""
    kinds = (annotation, *get_args(annotation), *(inner for kind in get_args(annotation) for inner in get_args(kind)))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _what(first: Mapping[str, Any], owner: type[BaseModel], model: type[BaseModel]) -> str:
    kind, found, last = first["type"], first["input"], first["loc"][-1] if first["loc"] else ""
    if kind == "extra_forbidden":
        return _unknown(str(last), owner, model)
    if kind == "missing" and isinstance(last, int):
        return "has too few values"
    if kind == "value_error":
        return str(first["msg"]).removeprefix("Value error, ")
    if kind not in _PLAIN:
        return one_line(ValueError(first["msg"]))
    facts = first.get("ctx", {})
    text = _FORMS.get(facts.get("pattern", ""), _PLAIN[kind].format_map(facts))
    if kind == "missing" and isinstance(found, Mapping):
        strange = nearest(str(last), (str(name) for name in found if name not in _fields(owner)))
        return f"{text} (there is '{_short(strange)}')" if strange else text
    if kind not in _UNQUOTED:
        text += f", not {_shown(found)}"
    if kind == "literal_error" and isinstance(found, str):
        text += _suggestion(found, first["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", "))
    return text


def _unknown(name: str, owner: type[BaseModel], model: type[BaseModel]) -> str:
    known = _fields(owner)
    suggestion = _suggestion(name, known)
    if not suggestion:
        tables = [table for table, kind in _fields(model).items() if (inner := _inner(kind)) and name in _fields(inner)]
        suggestion = f"; it belongs into [{tables[0]}]" if tables else ""
    if not suggestion and len(known) <= _MOST_KNOWN:
        suggestion = f"; there are: {', '.join(known)}"
    return f"is not known{suggestion}"


def _suggestion(word: str, known: Iterable[str]) -> str:
    likely = nearest(word, known)
    return f"; did you mean '{likely}'?" if likely else ""


def _shown(value: object) -> str:
    """What was found, as it may stand in a line."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{_short(value)}'" if isinstance(value, str) else _short(str(value))


def _short(text: str) -> str:
    return printable(text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 3]}...")
