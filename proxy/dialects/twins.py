"""Finding a member that stands in a JSON object twice, without building what is in it.

Typed decoders keep the last of two equal keys and say nothing. So keys are looked for in the text, and only where one name
is found at several places is the depth of each place worked out. All of it is done by a few calls that run at the speed
of C, on windows, so that a hostile body of 50 MB neither fills the memory nor holds the interpreter for long.
"""

import re
from collections.abc import Iterator
from itertools import islice

WINDOW = 1 << 20
MOST_PLACES = 10_000
"""Of one name: a body that has it as a key more often is not looked into, and counts as repeating it."""

LONGEST_KEY = 256
"""Bytes of a governed key, every letter of it written as `\\u006d`, and the space behind it."""

_string = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_escaped_key = re.compile(rb'(?<=[{,\s])"(?=[^"]{0,160}\\u00)([^"]{2,160})"')
_colon = re.compile(rb"\s*:")
_unescape = re.compile(rb"\\u00([0-7][0-9a-fA-F])")


def repeated(body: bytes, names: frozenset[str]) -> str | None:
    """The name that the top-level object of `body` (valid JSON) has twice, in whatever spelling; None where there is none."""
    escaped = _escaped(body, names)
    for name in sorted(names):
        quoted = b'"%b"' % name.encode()
        if body.count(quoted) + len(escaped.get(name, ())) > 1:
            places = sorted([*islice(_plain(body, quoted), MOST_PLACES), *escaped.get(name, ())])
            if len(places) >= MOST_PLACES or (len(places) > 1 and _at_top(body, places) > 1):
                return name
    return None


def _plain(body: bytes, quoted: bytes) -> Iterator[int]:
    """Where a key stands as it is. A quotation mark inside a text has a backslash before it, so what matches is a whole string."""
    at = body.find(quoted)
    while at >= 0:
        if _colon.match(body, at + len(quoted)) and body[at - 1 : at] != b"\\":
            yield at
        at = body.find(quoted, at + 1)


def _escaped(body: bytes, names: frozenset[str]) -> dict[str, list[int]]:
    """Where keys stand that are one of `names` once their `\\u00xx` are read."""
    found: dict[str, list[int]] = {}
    if b"\\u00" not in body:
        return found
    for start in range(0, len(body), WINDOW):
        for match in _escaped_key.finditer(body, max(0, start - LONGEST_KEY), start + WINDOW):
            name = _unescape.sub(lambda hexed: bytes([int(hexed[1], 16)]), match[1]).decode(errors="replace")
            if name in names and (match.start() >= start - LONGEST_KEY or not start):
                found.setdefault(name, []).append(match.start())
    return found


def _at_top(body: bytes, places: list[int]) -> int:
    """How many of the keys at `places` belong to the outermost object."""
    depth, last, top = 0, 0, 0
    for place in dict.fromkeys(places):
        bare = _string.sub(b"", body[last:place])
        depth += bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")
        last = place
        top += depth == 1
    return top
