"""The schema itself: complete, consistent, and the pages made from it are up to date."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import jsonschema
import pytest
import yaml
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric import schemas, validation
from ansible_collections.routed.fabric.plugins.plugin_utils._fabric.errors import Problems

from .conftest import ROOT


def walk(schema: dict[str, Any], path: str = ""):
    for key, inner in schema.get("properties", {}).items():
        yield f"{path}.{key}", inner
        yield from walk(inner, f"{path}.{key}")
    for key in ("additionalProperties", "items"):
        if isinstance(schema.get(key), dict) and "description" in schema[key]:
            yield f"{path}.*", schema[key]
            yield from walk(schema[key], f"{path}.*")


EVERY_KEY = list(walk(schemas.schema()))


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(schemas.schema())


@pytest.mark.parametrize(("path", "schema"), EVERY_KEY, ids=[path for path, _ in EVERY_KEY])
def test_every_key_is_described_with_an_example_that_is_valid(path, schema):
    assert schema["description"].rstrip().endswith("."), path
    assert schema["examples"], path
    for example in schema["examples"]:
        problems = Problems()
        validation.validate({"it": example}, {"type": "object", "properties": {"it": schema}}, problems)
        assert not list(problems)
    if "default" in schema:
        jsonschema.validate(schema["default"], schema)
    if schema.get("type") == "object" and "properties" in schema:
        assert schema["additionalProperties"] is False


def test_two_fragments_do_not_define_the_same_key():
    with pytest.raises(ValueError, match=r"b\.yml defines x a second time"):
        schemas.assemble({"a": {"properties": {"x": {}}}, "b": {"properties": {"x": {}}}})


def test_every_fragment_is_used():
    assert {path.stem for path in schemas.FOLDER.glob("*.yml")} == set(schemas.TOPICS)


def test_the_reference_is_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/schema_docs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_bad_entries_of_a_list_leave_the_indexes_of_the_others():
    problems = Problems()
    data = {"plugin": "routed.fabric.fabric", "name": "x", "nodes": {"a": {}}, "guest_prefixes": ["x", "192.0.2.0/24"]}
    assert validation.validate(data, schemas.schema(), problems)["guest_prefixes"] == [None, "192.0.2.0/24"]


def test_marked_strings_become_plain():
    class Marked(str):
        pass

    result = validation.plain({Marked("a"): [Marked("b"), {"c": Marked("d")}]}, (), Problems())
    assert result == {"a": ["b", {"c": "d"}]}
    assert type(next(iter(result))) is str
    assert type(result["a"][0]) is str
    assert yaml.safe_dump(result)
