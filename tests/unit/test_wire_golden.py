"""The bytes of every message are kept for ever: today's code reads all revisions and writes the newest. Breaking that is noticed here."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edge_runtime import codec
from edge_runtime.transport import wire
from edge_runtime.transport.routes import MESSAGES, ROUTES
from scripts.wire_golden import FOLDER, grew, revisions, update
from tests.golden.wire.samples import SAMPLES

FILES = sorted(FOLDER.glob("*.msgpack"))
FIELDS = [(name, field.name) for name in sorted(MESSAGES) for field in msgspec.structs.fields(MESSAGES[name])]


def kept(name: str) -> bytes:
    return revisions(name)[-1].read_bytes()


def faults(data: bytes, kind: type[msgspec.Struct]) -> str:
    """What is wrong with kept bytes for a message as it is defined now; ``""`` if nothing."""
    try:
        again = codec.encode(codec.decode(data, kind))
    except msgspec.ValidationError as error:
        return str(error)
    return "" if grew(data, again) else "it is written otherwise"


def changed(name: str, *, tag: str | None = None, without: str = "", rename: tuple[str, str] = ("", "")) -> type[msgspec.Struct]:
    """A message as somebody might change it."""
    fields = [
        (rename[1] if field.name == rename[0] else field.name, field.type, msgspec.field(default=field.default))
        for field in msgspec.structs.fields(MESSAGES[name])
        if field.name != without
    ]
    return msgspec.defstruct(name, fields, tag=tag or name, frozen=True, kw_only=True)


def test_every_message_has_its_bytes_and_no_bytes_are_without_a_message() -> None:
    assert set(SAMPLES) == set(MESSAGES) == {path.name.partition(".")[0] for path in FILES}
    assert {name: type(message) for name, message in SAMPLES.items()} == MESSAGES
    for name in MESSAGES:
        assert [path.name for path in revisions(name)] == [f"{name}.{n}.msgpack" for n in range(1, len(revisions(name)) + 1)]


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_the_newest_bytes_are_read_and_written(name: str) -> None:
    for route in ROUTES.values():
        if MESSAGES[name] in route.messages:
            message = wire.decode(route, kept(name))
            assert type(message) is MESSAGES[name]
            assert wire.encode(route, message) == kept(name)
    assert codec.encode(SAMPLES[name]) == kept(name), "run: python -m scripts.wire_golden"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_revision_is_read(path: Path) -> None:
    assert faults(path.read_bytes(), MESSAGES[path.name.partition(".")[0]]) == ""


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_an_untouched_definition_passes(name: str) -> None:
    assert faults(kept(name), changed(name)) == ""


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_new_tag_is_noticed(name: str) -> None:
    assert "Invalid value" in faults(kept(name), changed(name, tag=f"{name}2"))


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_field_that_is_removed_or_renamed_is_noticed(name: str, field: str) -> None:
    assert faults(kept(name), changed(name, without=field)) == "it is written otherwise"
    assert faults(kept(name), changed(name, rename=(field, f"{field}_too"))) != ""


@pytest.mark.parametrize(
    ("old", "new", "may"),
    [
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": {"b": [{"c": 1}]}}, {"a": {"b": [{"c": 1, "d": 2}]}}, True),
        ({"a": 1}, {"b": 2, "a": 1}, False),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ({"a": 1}, {"a": 1.0}, False),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 2}, False),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, False),
    ],
)
def test_a_message_grows_by_fields_behind_those_it_had(old: object, new: object, may: bool) -> None:
    assert grew(msgspec.msgpack.encode(old), msgspec.msgpack.encode(new)) is may


# ---------------------------------------------------------------- the script


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_message_that_gains_a_field_gets_a_revision_beside_the_old_one(tmp_path: Path) -> None:
    old, new = msgspec.msgpack.encode({"type": "Bell", "t_ns": 1}), msgspec.msgpack.encode({"type": "Bell", "t_ns": 1, "rings": 2})
    assert update({"Bell": old}, tmp_path) == []
    assert update({"Bell": old}, tmp_path) == []
    assert names(tmp_path) == ["Bell.1.msgpack"]
    assert update({"Bell": new}, tmp_path) == []
    assert names(tmp_path) == ["Bell.1.msgpack", "Bell.2.msgpack"]
    assert [path.read_bytes() for path in revisions("Bell", tmp_path)] == [old, new]


def test_a_message_that_changed_or_went_is_overwritten_only_on_demand(tmp_path: Path) -> None:
    old, new = msgspec.msgpack.encode({"type": "Bell", "t_ns": 1}), msgspec.msgpack.encode({"type": "Bell", "t": 1})
    update({"Bell": old, "Horn": old}, tmp_path)
    assert update({"Bell": new}, tmp_path) == [
        "Horn.1.msgpack: there is no such message any more",
        "Bell.1.msgpack: changed otherwise than by appended fields",
    ]
    assert [(tmp_path / name).read_bytes() for name in names(tmp_path)] == [old, old]
    assert update({"Bell": new}, tmp_path, overwrite=True) == []
    assert [(tmp_path / name).read_bytes() for name in names(tmp_path)] == [new]
