"""Mutations of files as Hypothesis strategies: bytes, numbers in text, JSON values, zip members."""

from __future__ import annotations

import copy
import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

__all__ = ["mutants"]

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_NUMBERS = (
    b"0", b"-1", b"1e308", b"1e30", b"-1e999", b"nan", b"inf", b"2147483648", b"9" * 30,
    b"4294967295", b"0.5", b"1e-320", b"007", b"+5", b"0x10", b"", b"\xd9\xa3", b"1_000",
)  # fmt: skip
_TOKENS = (
    b"\x00", b"\n", b"\r", b"\r\n", b",", b";", b"\t", b'"', b"'", b"{", b"}", b"[", b"]", b"<",
    b">", b"&", b"../../../etc/passwd", b"/dev/zero", b"a.png", b"\xff\xfe", b"\xef\xbb\xbf",
    b"\x1b[2J", b"=1+1", b"null", b"true", b"[" * 3000, b"a" * 5000, b"\xed\xa0\x80", b"PK\x03\x04",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
    b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\x00\x00\x00",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 10**30, 0.5, 1e308, float("nan"), float("inf"), "", "a",
    "../a.png", "/dev/zero", "a.png", "\x1b[2J\n", "\ud800", "x" * 10_000, [], {}, [[]], [None],
    [1, 2], {"a": 1}, [0] * 2000, ["a", "a"], [[1e308, -1e308]], "nan", "1e999",
)  # fmt: skip


@st.composite
def mutants(draw: st.DrawFn, seed: bytes) -> bytes:
    """A changed copy of a valid file.

    Args:
        seed: the file.
    """
    ways = [_bytes, _bytes, _numbers]
    structure = _parsed(seed)
    if structure is not None:
        ways += [_json, _json]
    if seed[:4] == b"PK\x03\x04":
        ways += [_zip, _zip]
    return draw(st.sampled_from(ways))(draw, seed)


def _parsed(seed: bytes) -> Any:
    try:
        return json.loads(seed)
    except ValueError:
        lines = seed.strip().splitlines()
        try:
            return [json.loads(line) for line in lines] if seed[:1] in (b"{", b"[") else None
        except ValueError:
            return None


def _bytes(draw: st.DrawFn, seed: bytes) -> bytes:
    data = bytearray(seed)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        span = draw(st.sampled_from((1, 1, 2, 4, 16, 100, 4096)))
        kind = draw(st.integers(0, 6))
        if kind == 0 and place < len(data):
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == 1 and place < len(data):
            data[place] = draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x20)))
        elif kind == 2:
            del data[place : place + span]
        elif kind == 3:
            data[place:place] = data[place : place + span]
        elif kind == 4:
            del data[place:]
        elif kind == 5:
            data[place:place] = draw(st.sampled_from(_TOKENS))
        else:
            data[place : place + span] = draw(st.binary(max_size=span))
    return bytes(data)


def _numbers(draw: st.DrawFn, seed: bytes) -> bytes:
    """Replace some of the numbers that the file holds as text."""
    data = seed
    for _ in range(draw(st.integers(1, 3))):
        found = list(_NUMBER.finditer(data))
        if not found:
            return _bytes(draw, data)
        where = found[draw(st.integers(0, len(found) - 1))]
        data = data[: where.start()] + draw(st.sampled_from(_NUMBERS)) + data[where.end() :]
    return data


def _json(draw: st.DrawFn, seed: bytes) -> bytes:
    """Replace, remove or repeat values anywhere in the JSON of the file."""
    top = [copy.deepcopy(_parsed(seed))]
    lines = len(seed.strip().splitlines()) > 1 and isinstance(top[0], list)
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(_places(top))[:400]))
        kind = draw(st.integers(0, 3))
        if kind == 0 and holder is not top:
            del holder[key]
        elif kind == 1 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        else:
            holder[key] = copy.deepcopy(draw(st.sampled_from(_VALUES)))
    if lines and isinstance(top[0], list):
        text = "\n".join(json.dumps(each) for each in top[0]) + "\n"
    else:
        text = json.dumps(top[0])
    return text.encode()


def _places(holder: Any) -> Iterator[tuple[Any, Any]]:
    """Every value of a JSON structure as (list or dict, index or key); near ones first."""
    todo = [holder]
    while todo:
        here = todo.pop(0)
        for key in list(here) if isinstance(here, dict) else range(len(here)):
            yield here, key
            if isinstance(here[key], dict | list):
                todo.append(here[key])


def _zip(draw: st.DrawFn, seed: bytes) -> bytes:
    """Mutate a member of a zip, and pack it again, perhaps compressed in another way."""
    with zipfile.ZipFile(io.BytesIO(seed)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    chosen = draw(st.sampled_from(sorted(members)))
    way = draw(st.sampled_from((_bytes, _numbers)))
    members[chosen] = way(draw, members[chosen])
    if draw(st.booleans()):
        other = draw(st.sampled_from(("a.npy", "../a.csv", "test.csv", "training.csv/", " ")))
        members[other] = draw(st.sampled_from(sorted(members.values())))
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", draw(st.sampled_from(kinds))) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return packed.getvalue()
