"""Changes to a body: the splice and the tree give the same value, and the splice touches nothing else."""

from __future__ import annotations

import copy
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.payload.edits import Edit, Operation, Path, apply_edits
from tests.unit.payload.plain_splice import plain_splice

SET, INSERT_FIRST = Operation.SET, Operation.INSERT_FIRST


def spliced(body: bytes, *edits: Edit) -> bytes:
    """The body after edits of a text that is not canonical."""
    return apply_edits(body, orjson.loads(body), False, edits)


def test_no_edit_gives_the_very_same_body() -> None:
    """Not even a copy is made."""
    body = b'{ "a" : 1 }'
    assert apply_edits(body, {"a": 1}, False, []) is body


def test_what_is_not_edited_stays_byte_for_byte() -> None:
    """Spaces, escapes, exponents, endless numbers and key spellings are kept."""
    body = b'{"t":1e5, "big" : 12345678901234567890123,\t"e":"\\u00e9\\/",\r\n "\\u006dodel": "old" , "f":1.0}'
    assert spliced(body, Edit(SET, ("model",), "new")) == body.replace(b'"old"', b'"new"')


@pytest.mark.parametrize(
    ("body", "path", "value", "after"),
    [
        (b"{ }", ("a",), 1, b'{ "a":1}'),
        (b'{"b":2}', ("a",), 1, b'{"a":1,"b":2}'),
        (b'{"b":2}', ("o", "p", "a"), 1, b'{"o":{"p":{"a":1}},"b":2}'),
        (b'{"o":null,"b":2}', ("o", "a"), 1, b'{"o":{"a":1},"b":2}'),
        (b'{"o":[ 1, {"x":"\\u00e9"} ]}', ("o", 1, "x"), "e", b'{"o":[ 1, {"x":"e"} ]}'),
        (b'["a"]', (0,), "\u00e9", '["é"]'.encode()),
        (b' {"a":"x"}\n', ("a",), {"k": [1]}, b' {"a":{"k":[1]}}\n'),
    ],
)
def test_set_replaces_or_adds(body: bytes, path: Path, value: Any, after: bytes) -> None:
    """A key that is absent is added, with the objects above it where none or null is."""
    assert spliced(body, Edit(SET, path, value)) == after


@pytest.mark.parametrize(("body", "after"), [(b"[ ]", b"[ 0]"), (b"[1]", b"[0,1]"), (b"[ [1] ]", b"[ 0,[1] ]")])
def test_insert_first(body: bytes, after: bytes) -> None:
    """Also into an empty array."""
    assert spliced(body, Edit(INSERT_FIRST, (), 0)) == after


@pytest.mark.parametrize("canonical", [True, False])
def test_two_keys_of_an_absent_object_make_one_object(canonical: bool) -> None:
    """Never the same key twice: vLLM would read only the last."""
    body = b'{"stream":true}'
    edits = [Edit(SET, ("stream_options", key), True) for key in ("include_usage", "continuous_usage_stats")]
    after = apply_edits(body, orjson.loads(body), canonical, edits)
    assert after.count(b"stream_options") == 1
    assert orjson.loads(after)["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}


@pytest.mark.parametrize("canonical", [True, False])
def test_a_later_edit_goes_over_an_earlier_one(canonical: bool) -> None:
    """Also when it replaces what holds the place of the earlier one, or changes what the earlier one has put."""
    body = b'{"s":[{"t":"a"}],"m":{"x":1},"l":null}'
    edits = [
        Edit(SET, ("s", 0, "t"), "masked"),
        Edit(SET, ("s",), "prompt"),
        Edit(SET, ("m",), {"x": [2]}),
        Edit(SET, ("m", "y"), 3),
        Edit(INSERT_FIRST, ("m", "x"), 1),
        Edit(SET, ("l",), [2]),
        Edit(INSERT_FIRST, ("l",), 1),
    ]
    after = apply_edits(body, orjson.loads(body), canonical, edits)
    assert orjson.loads(after) == {"s": "prompt", "m": {"x": [1, 2], "y": 3}, "l": [1, 2]}


@pytest.mark.parametrize("canonical", [True, False])
def test_an_insertion_does_not_shift_the_other_paths(canonical: bool) -> None:
    """Paths are those of the original body, in whatever order the edits come."""
    body = b'{"m":[{"c":"a"},{"c":"b"}]}'
    edits = [
        Edit(INSERT_FIRST, ("m",), {"c": "second"}),
        Edit(SET, ("m", 0, "c"), "A"),
        Edit(INSERT_FIRST, ("m",), {"c": "first"}),
        Edit(SET, ("m", 1, "c"), "B"),
    ]
    after = apply_edits(body, orjson.loads(body), canonical, edits)
    assert [item["c"] for item in orjson.loads(after)["m"]] == ["first", "second", "A", "B"]


@pytest.mark.parametrize("canonical", [True, False])
@pytest.mark.parametrize("path", [("m", 5), ("s", "x"), ("m", 0, "x"), ("n", 0), (0,)])
def test_a_path_that_is_not_in_the_body_is_a_bug(canonical: bool, path: Path) -> None:
    """Nothing is written at another place instead."""
    body = b'{"m":[1],"s":"text","n":[]}'
    with pytest.raises((KeyError, IndexError, TypeError)):
        apply_edits(body, orjson.loads(body), canonical, [Edit(SET, path, 1)])


@pytest.mark.parametrize("path", [(), ("s",), ("i",)])
def test_an_item_cannot_be_put_into_what_is_no_array(path: Path) -> None:
    """Nor is it lost without a word."""
    with pytest.raises(TypeError):
        spliced(b'{"s":"text", "i":1}', Edit(INSERT_FIRST, path, 1))


def test_a_body_is_read_no_further_than_its_last_edit() -> None:
    """What stands behind it need not even be JSON (though ``parse_strict`` lets none of that come here)."""
    body = b'{"model": "a", "messages": [{"x": "]"}, ...'
    tree = {"model": "a", "messages": [{"x": "]"}, {}], "stream": True}
    edits = [Edit(SET, ("model",), "b"), Edit(SET, ("messages", 0, "x"), 1), Edit(SET, ("new",), 2)]
    assert apply_edits(body, tree, False, edits) == b'{"new":2,"model": "b", "messages": [{"x": 1}, ...'


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.text(max_size=3), JSON, min_size=1, max_size=4)
NEW = st.text(max_size=5) | st.integers(0, 9) | st.just({"role": "system", "content": "é"})


@st.composite
def spelled(draw: st.DrawFn, value: Any) -> str:
    """A JSON value in a random spelling: spaces, escapes, key spellings, exponents."""
    space = st.text(alphabet=" \t\n\r", max_size=2)
    if isinstance(value, dict):
        items = [
            f"{draw(spelled(key))}{draw(space)}:{draw(space)}{draw(spelled(child))}" for key, child in value.items()
        ]
    elif isinstance(value, list):
        items = [draw(spelled(child)) for child in value]
    elif isinstance(value, str):
        return json.dumps(value, ensure_ascii=draw(st.booleans()))
    else:
        return json.dumps(value)
    inner = ",".join(f"{draw(space)}{item}{draw(space)}" for item in items) or draw(space)
    return "{" + inner + "}" if isinstance(value, dict) else "[" + inner + "]"


def places(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """Every place in a value."""
    found: list[tuple[Path, Any]] = [(path, value)]
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += places(child, (*path, key))
    return found


@st.composite
def edits_of(draw: st.DrawFn, tree: Any) -> list[Edit]:
    """Some edits of different places, none inside another."""
    edits: list[Edit] = []
    taken: list[Path] = []
    for path, value in draw(st.lists(st.sampled_from(places(tree)), max_size=5)):
        kind = draw(st.sampled_from(["set", "add", "insert"]))
        edit = None
        if kind == "insert" and isinstance(value, list):
            edit = Edit(INSERT_FIRST, path, draw(NEW))
        elif kind == "add" and isinstance(value, dict):
            edit = Edit(
                SET, (*path, *draw(st.lists(st.text("xyz", min_size=4, max_size=5), min_size=1, max_size=2))), draw(NEW)
            )
        elif path:
            edit = Edit(SET, path, draw(NEW))
        if edit is not None and not any(edit.path[: len(other)] == other for other in taken):
            if edit.operation is SET:
                if any(other[: len(edit.path)] == edit.path for other in taken):
                    continue
                taken.append(edit.path)
            edits.append(edit)
    return edits


@given(st.data())
def test_splice_and_tree_give_the_same_value(data: st.DataObject) -> None:
    """For any body in any spelling, and any edits."""
    tree = data.draw(OBJECTS)
    body = data.draw(spelled(tree)).encode()
    edits = data.draw(edits_of(tree))
    by_splice = apply_edits(body, orjson.loads(body), False, copy.deepcopy(edits))
    by_tree = apply_edits(body, orjson.loads(body), True, copy.deepcopy(edits))
    assert orjson.loads(by_splice) == orjson.loads(by_tree)


@given(st.data())
def test_a_splice_changes_only_the_edited_spans(data: st.DataObject) -> None:
    """Before and after the new value every byte is the old one."""
    tree = data.draw(OBJECTS)
    mark, new = "\x00old\x00", "\x00new\x00"
    path, _ = data.draw(st.sampled_from([place for place in places(tree) if place[0]]))
    holder: Any = tree
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = mark
    body = data.draw(spelled(tree)).encode()
    after = apply_edits(body, orjson.loads(body), False, [Edit(SET, path, new)])
    assert after == body.replace(orjson.dumps(mark), orjson.dumps(new))


@given(st.data())
def test_an_addition_only_adds(data: st.DataObject) -> None:
    """Taking the added bytes out gives the old body."""
    tree = data.draw(OBJECTS)
    body = data.draw(spelled(tree)).encode()
    after = apply_edits(body, orjson.loads(body), False, [Edit(SET, ("added",), "x")])
    assert after.replace(b'"added":"x",', b"") == body


@st.composite
def any_edits_of(draw: st.DrawFn, tree: Any) -> list[Edit]:
    """Some edits, also of one place, inside one another, and of places that are not there."""
    edits: list[Edit] = []
    for path, value in draw(st.lists(st.sampled_from(places(tree)), max_size=5)):
        steps: list[Path] = [()]
        if isinstance(value, list):
            steps += [(len(value),), (-1,), ("x",)]
        else:
            steps += [("x",), ("x", "y")]
        can_insert = isinstance(value, list | str | int | float)
        if can_insert and draw(st.booleans()):
            edits.append(Edit(INSERT_FIRST, path, draw(NEW)))
        else:
            edits.append(Edit(SET, path + draw(st.sampled_from(steps)), draw(NEW)))
    return edits


@given(st.data())
def test_the_splice_writes_what_a_plain_one_writes(data: st.DataObject) -> None:
    """To the byte, or both fail."""
    tree = data.draw(OBJECTS)
    body = (data.draw(st.sampled_from(["", " \n"])) + data.draw(spelled(tree)) + " ").encode()
    edits = data.draw(any_edits_of(tree))
    bugs = (KeyError, IndexError, TypeError, AttributeError)
    try:
        plain = plain_splice(body, copy.deepcopy(edits))
    except bugs:
        with pytest.raises(bugs):
            spliced(body, *copy.deepcopy(edits))
        return
    assert spliced(body, *edits) == plain
