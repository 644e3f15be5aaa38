import json
from pathlib import Path

import msgspec
import pytest

import config
from config.model import Configuration
from config.reference import DEFAULT_FILE, render
from config.registry import KEYS, SECTIONS
from config.settings import check, load
from models.engine import EngineParameters
from models.parameters import UNITS

FOLDER = Path(config.__path__[0])


def test_the_default_file_is_what_the_code_declares() -> None:
    assert DEFAULT_FILE.read_text(encoding="utf-8") == render(), "run: python -m config.reference"


def test_the_default_file_says_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    written = load(config_file=DEFAULT_FILE, environment={})
    assert written.engine == load(environment={}).engine
    assert written.run == load(environment={}).run
    given = {path for path, key in KEYS.items() if key.default is not None} - {"mode"}
    assert set(written.given) == given


def test_every_parameter_of_the_engine_is_a_key() -> None:
    for section in msgspec.structs.fields(EngineParameters):
        for parameter in msgspec.structs.fields(section.type):
            assert f"{section.name}.{parameter.name}" in KEYS


def test_every_key_has_a_meaning_a_unit_and_a_name_of_its_own() -> None:
    for key in KEYS.values():
        assert key.description.endswith("."), key.path
        assert key.unit in UNITS
    names = [name for key in KEYS.values() for name in key.names]
    assert len(names) == len(set(names))


def test_sections_and_keys_at_the_top_do_not_share_names() -> None:
    assert not set(SECTIONS) & set(KEYS)


def test_every_default_is_within_its_bounds() -> None:
    values = {
        section: {key.name: key.default for key in KEYS.values() if key.section == section and key.unit == "ratio"}
        for section in SECTIONS
        if section
    }
    Configuration.model_validate(values)


def test_the_schema_shows_what_people_write() -> None:
    schema = Configuration.model_json_schema()
    assert schema["additionalProperties"] is False
    maker = schema["$defs"]["MakerParameters"]["properties"]
    assert maker["pair_target"]["type"] == "number"
    assert (maker["pair_target"]["default"], maker["pair_target"]["exclusiveMaximum"]) == (0.99, 1)
    assert maker["even_spread"]["enum"] == ["floor_both", "improve_reducing"]
    assert schema["properties"]["markets"]["type"] == "array"
    assert schema["properties"]["tag"]["type"] == ["string", "null"]
    assert len(json.dumps(schema)) > 10_000


@pytest.mark.parametrize("path", sorted((FOLDER / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_valid(path: Path) -> None:
    assert check(path) == ()
