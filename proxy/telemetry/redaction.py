"""What must never be printed, and its removal. Everything that leaves as a log line or as a span's text passes through here.

It errs on the side of removing too much: a log line with a gap is a smaller harm than a credential in a log.
"""

import re

GAP = "[redacted]"
OTHER = "other"
"""Stands for every word of a caller's that is not shown."""

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}")

_LOOKS_SECRET = re.compile(
    r"""
    (?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})) s[gk]-[\w-]{4,}       # keys, ours and the providers'; also behind %20 and the like
    | s[gk]-[\w-]{32,}                                               # … and glued to a word, where they are long enough to be sure
    | eyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)?                              # JSON Web Tokens (RFC 7519)
    | AIza[\w-]{20,}                                                 # Google's keys
    | (?<=://)[^/\s@]+@                                              # a name and password in a URL
    """,
    re.VERBOSE,
)
_NAMED_SECRET = re.compile(
    r"""
    ( bearer(?:\s|%20|\\[nrt])+ | api[-_]?key["']?\s*[:=,]\s*["']? | [?&]key= ) [^\s"',;&]+
    | ( authorization["']?\s*[:=,]\s*["']? ) [^"',\r\n]+
    """,
    re.VERBOSE | re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` without anything that looks like a credential; always valid Unicode, so that it can be encoded."""
    text = _NAMED_SECRET.sub(_keep_the_name, _LOOKS_SECRET.sub(GAP, text))
    return text if text.isascii() else text.encode(errors="replace").decode()


def brief(text: str, most: int = 128) -> str:
    """A caller's own word (a model name, a path) fit for a span: redacted, and of bounded length."""
    return redact(text[: 2 * most])[:most]


def model_name(text: str) -> str:
    """A model as its caller named it, or `other` for what no model is called: that may be a prompt, or a credential. "" stays ""."""
    return text if not text or (_MODEL.fullmatch(text) and redact(text) == text) else OTHER


def _keep_the_name(match: re.Match[str]) -> str:
    return (match[1] or match[2]) + GAP
