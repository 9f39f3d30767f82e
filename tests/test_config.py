"""The configuration tree: complete, documented, and strict about what it is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from uavloc.config import Config, dump_config, load_config
from uavloc.errors import ConfigError

SECTIONS = sorted(Config.model_fields)


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    text = str(refused.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_without_a_file_the_defaults_hold() -> None:
    assert load_config(None) == Config()


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "")) == Config()


def test_the_defaults_round_trip(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, dump_config(Config()))) == Config()


def test_changes_round_trip(tmp_path: Path) -> None:
    changed = load_config(
        written(
            tmp_path,
            '[engine]\nname = "a/folder with \\"quotes\\""\n[filter]\nhistory_s = 7\n[ortho]\nmax_oblique_deg = 45.5\n',
        )
    )
    assert changed.engine.name == 'a/folder with "quotes"'
    assert changed.filter.history_s == 7.0
    assert changed.registration == Config().registration
    assert load_config(written(tmp_path, dump_config(changed))) == changed


def test_the_path_of_a_key_counts_from_the_file_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    named = load_config(written(tmp_path, '[cache]\npublic_key = "keys/fleet.key.pub"\n'))
    assert named.cache.public_key == str(tmp_path / "keys" / "fleet.key.pub")
    (tmp_path / "result").mkdir()
    assert load_config(written(tmp_path / "result", dump_config(named))) == named, "beside a result it means the same"
    for text in ("/keys/fleet.key.pub", "ab" * 32):
        assert load_config(written(tmp_path, f'[cache]\npublic_key = "{text}"\n')).cache.public_key == text


def model_of(section: str) -> type[BaseModel]:
    """The model of a section, or of every member of one that is a list."""
    value = getattr(Config(), section)
    return type(value[0] if isinstance(value, tuple) else value)


def test_the_dump_holds_every_value() -> None:
    text = dump_config(Config())
    for section in SECTIONS:
        assert f"[{section}]" in text
        for key in model_of(section).model_fields:
            assert f"\n{key} = " in text


@pytest.mark.parametrize("section", SECTIONS)
def test_every_value_is_documented_and_has_a_default(section: str) -> None:
    model = model_of(section)
    assert issubclass(model, BaseModel)
    assert model.__doc__
    for key, field in model.model_fields.items():
        assert field.description, f"{section}.{key} has no description"
        assert not field.is_required(), f"{section}.{key} has no default"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_number_has_a_limit(section: str) -> None:
    for key, field in model_of(section).model_fields.items():
        if field.annotation in (int, float):
            assert field.metadata, f"{section}.{key} takes any number"


def test_defaults_obey_their_own_limits() -> None:
    assert Config.model_validate(Config().model_dump()) == Config()


def test_the_tree_cannot_be_changed() -> None:
    config = Config()
    with pytest.raises(ValidationError):
        config.filter.history_s = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[filter]\nhistory = 3.0", "filter.history"),
        ("[fliter]\nhistory_s = 3.0", "fliter"),
        ("speed = 3", "speed"),
        ("[filter]\nhistory_s = nan", "filter.history_s"),
        ("[filter]\nhistory_s = inf", "filter.history_s"),
        ("[filter]\nhistory_s = -1.0", "filter.history_s"),
        ('[filter]\nhistory_s = "long"', "filter.history_s"),
        ("[filter]\nhistory_s = [5.0]", "filter.history_s"),
        ("[engine]\nname = 5", "engine.name"),
        ("[engine]\nthreads = 1.5", "engine.threads"),
        ("[ortho]\nmax_oblique_deg = 90", "ortho.max_oblique_deg"),
        ("[registration]\nmin_overlap = 1.5", "registration.min_overlap"),
        ("filter = 3", "filter"),
    ],
)
def test_a_wrong_value_is_refused_by_file_and_field(tmp_path: Path, text: str, field: str) -> None:
    assert f": {field}: " in refusal(written(tmp_path, text))


@pytest.mark.parametrize("content", [b"[filter", b"a = 1\na = 2", b"\xff\xfe"])
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    assert "TOML" in refusal(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "cannot read" in refusal(tmp_path / "none.toml")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    refusal(tmp_path)
