"""A member that stands twice is found in any spelling, and by nothing else."""

import json

from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.twins import repeated

NAMES = frozenset({"model", "n", "stream"})

keys = st.sampled_from(["model", "n", "stream", "x", 'say "model', "mo\\del", ""])
leaves = st.none() | st.integers() | st.sampled_from(["model", '"model":', '{"n":1}', "\\", 'a\\"model":', "é{[", "A"])
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6)
spaces = st.sampled_from(["", " ", "\n\t ", "  "])


def written(text: str, escaped: frozenset[int], ascii_only: bool) -> str:
    """`text` as JSON, with the letters at the places `escaped` as `\\u00xx`."""
    return (
        '"'
        + "".join(
            f"\\u{ord(s):04x}" if i in escaped and s.isascii() else json.dumps(s, ensure_ascii=ascii_only)[1:-1] for i, s in enumerate(text)
        )
        + '"'
    )


@given(st.lists(st.tuples(keys, values, st.frozensets(st.integers(0, 5)), spaces), max_size=6), st.booleans())
def test_exactly_the_repeated_members_of_the_top(members, ascii_only):
    parts = [
        f"{space}{written(name, escaped, ascii_only)}{space}:{space}{json.dumps(value, ensure_ascii=ascii_only)}{space}"
        for name, value, escaped, space in members
    ]
    body = ("{" + ",".join(parts) + "}").encode()
    json.loads(body)
    names = [name for name, *_ in members]
    twice = {name for name in NAMES if names.count(name) > 1}
    found = repeated(body, NAMES)
    assert (found in twice) if twice else (found is None)


def test_across_windows():
    """Wherever the windows that a large body is searched in happen to break."""
    for size in range((1 << 20) - 40, (1 << 20) + 8, 3):
        body = b'{"\\u006dodel":1,"x":"' + b"y" * (size - 30) + b'","\\u006dodel":2}'
        assert repeated(body, NAMES) == "model"
