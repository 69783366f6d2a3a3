r"""Half a surrogate pair, written as `\ud83d`: legal where a text is cut into deltas by UTF-16 units, and no reader here takes it.

So a frame that cannot be read is tried again with every such escape spelled in characters that can, and what was made of it is
spelled back: the answer's text keeps its bytes, and two halves of one sign that meet in a token are whole again.
"""

import re

_PLACE = b"\\u0002"
"""A control character that no model writes; a frame that has it before a half is not read."""

_half = re.compile(rb"(?<!\\)((?:\\\\)*)\\u([dD][89a-fA-F][0-9a-fA-F]{2})")
_spelled = re.compile(rb"\\u0002([dD][89a-fA-F][0-9a-fA-F]{2})")


def spelled(data: bytes) -> bytes | None:
    """`data` with its halves spelled; None where there are none, or they could not be told from text."""
    if not _half.search(data) or _spelled.search(data):
        return None
    return _half.sub(rb"\1\\u0002\2", data)


def back(data: bytes) -> bytes:
    """What was spelled, as it came."""
    return _spelled.sub(rb"\\u\1", data) if _PLACE in data else data
