"""Where a credential can hide in a request, and the one that is meant.

Two different credentials in one request are refused, not ranked: what one reader takes for the account, another (the
upstream, a log) would take for somebody else.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote_plus

from proxy.dialects.base import Headers
from proxy.gateway.ports import Arrival
from proxy.identity.base import refusal

KEY_FIELDS = frozenset({"x-api-key", "api-key", "x-goog-api-key"})
"""Header fields whose whole value is a credential."""

PARAMETERS = frozenset({"key", "api_key"})
"""Query parameters whose value is a credential."""

SUBPROTOCOL = "openai-insecure-api-key."
"""Begins the WebSocket subprotocol in which a browser sends a key, as it can set no header."""

_PRINTABLE = re.compile(r"[ -~]{1,16384}")
"""Spaces too: a provider's credential is whatever the provider takes, and official SDKs' own tests send `My API Key`."""


def canonical(name: str) -> str:
    """A field's name as it is compared. Some servers read `_` as `-`, so a spoofed field could come in either spelling."""
    return name.lower().replace("_", "-")


def find(arrival: Arrival) -> str:
    """The request's credential, "" where it has none.

    Raises `CallerError` 401 where there are several, or one that no credential can look like.
    """
    found = {value for value in _candidates(arrival) if value}
    if len(found) > 1:
        raise refusal("This request has several different credentials, so it is not clear which account it is for. Send one.")
    credential = found.pop() if found else ""
    if credential and not _PRINTABLE.fullmatch(credential):
        raise refusal("The credential sent is not readable: it must be at most 16384 printable ASCII characters.")
    return credential


def _candidates(arrival: Arrival) -> Iterator[str]:
    yield _authorization({value.strip() for name, value in arrival.headers if canonical(name) == "authorization"})
    for name, value in arrival.headers:
        if canonical(name) in KEY_FIELDS:
            yield value.strip()
        elif canonical(name) == "sec-websocket-protocol":
            yield from (entry[len(SUBPROTOCOL) :] for entry in entries(value) if is_key(entry))
    for part in arrival.query.split("&") if arrival.query else ():
        if parameter(part) in PARAMETERS:
            yield unquote_plus(part.partition("=")[2]).strip()


def _authorization(values: set[str]) -> str:
    """The credential of `Authorization` (RFC 9110 11.6.2): a Bearer token (RFC 6750), a Basic password (RFC 7617), or else its
    whole value: where it goes upstream, no other credential beside it may say whose request this is.
    """
    if len(values) > 1:
        raise refusal("This request has several different 'Authorization' headers. Send one.")
    value = next(iter(values), "")
    scheme, rest = _scheme(value)
    match scheme:
        case "bearer":
            return rest  # an empty one is none: some clients send it beside another
        case "basic":
            return _login(rest)[1] or value
        case _:
            return f"{scheme} {rest}" if rest else value


def _scheme(value: str) -> tuple[str, str]:
    """The scheme in lower case and what follows it: however both are written, it is the same credential."""
    scheme, *rest = value.split(maxsplit=1) or [""]
    return scheme.lower(), "".join(rest).strip()


def _login(encoded: str) -> tuple[str, str]:
    """User and password of a Basic credential; empty where it cannot be read."""
    try:
        user, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return user, password


def has_login_name(headers: Headers) -> bool:
    """Is there a Basic credential with a user besides its password?"""
    values = (_scheme(value) for name, value in headers if canonical(name) == "authorization")
    return any(scheme == "basic" and _login(rest)[0] for scheme, rest in values)


def entries(value: str) -> list[str]:
    """The subprotocols of one `Sec-WebSocket-Protocol` field (RFC 6455 4.1)."""
    return [entry.strip() for entry in value.split(",")]


def is_key(entry: str) -> bool:
    """Does this subprotocol carry a key?"""
    return entry.lower().startswith(SUBPROTOCOL)


def parameter(part: str) -> str:
    """The decoded name of one raw `name=value` of a query."""
    return unquote_plus(part.partition("=")[0])
