"""Texts of a conversation, put together without being read: what a provider wrote comes back in its own bytes."""

from proxy.shaping.edit import EMPTY, Raw


def joined(texts: list[Raw]) -> Raw:
    """Texts in JSON, one after the other; halves of a sign that was cut meet again."""
    return Raw(b'"' + b"".join(bytes(text)[1:-1] for text in texts) + b'"') if texts else EMPTY
