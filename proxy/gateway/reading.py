"""A request's body, read where it must be understood and streamed where it only passes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from urllib.parse import unquote

from proxy.core.facts import GENERATES, Ask, Operation
from proxy.core.policy import OpenRoute, Policy
from proxy.dialects import conversation
from proxy.dialects.base import Dialect, Route
from proxy.dialects.conversation import Conversation
from proxy.gateway.headers import value_of
from proxy.gateway.inflate import inflate
from proxy.gateway.ports import Arrival, Body
from proxy.gateway.tunnel import is_websocket

LARGE = 1 << 14
"""Bodies past this many bytes are looked into off the event loop, which must never stand still."""


@dataclass(slots=True)
class Reading:
    """What is asked, and what goes upstream. The bodies are let go once sent: a stream may last, and a prompt be large."""

    ask: Ask
    body: bytes | AsyncIterator[bytes] | None = None
    plain: bytes = b""
    """The body as it is looked into: decompressed."""
    opening: str = ""
    """Fingerprint of what the conversation begins with; "" where conversations need not be known again."""
    said: Conversation | None = None
    """What is learned from, until it is hashed; None where nothing is."""
    websocket: bool = False
    """Only an opened route may become a WebSocket: what flows in one is not counted."""

    def let_go(self) -> None:
        self.body, self.plain = None, b""


async def read(arrival: Arrival, body: Body, route: Route | OpenRoute, dialect: Dialect, policy: Policy, most: int) -> Reading:
    """Raises `CallerError`: bad input costs nothing, and goes no further. `most`: bytes of a body, as sent and decompressed."""
    present = value_of(arrival.headers, "content-length") not in {"", "0"} or bool(value_of(arrival.headers, "transfer-encoding"))
    if isinstance(route, OpenRoute):
        ask = Ask(Operation.TUNNEL, fixed_input=route.tokens, unshaped=not route.unshaped)
        return Reading(ask, body.chunks() if present else None, websocket=is_websocket(arrival))
    raw = await body.whole(most)
    encoding = value_of(arrival.headers, "content-encoding")

    def understood() -> Reading:
        """Everything that looks into a body before it is decided, in one place."""
        plain = inflate(raw, encoding, most) if encoding else raw
        ask = dialect.read(route, plain)
        if ask.operation is Operation.FETCH_RESPONSE:
            ask = replace(ask, follows=_named(route, arrival.path))
        pinned = policy.ladder.pins and ask.operation is Operation.CHAT and not ask.follows
        learned = policy.observes and ask.operation in GENERATES
        said = conversation.read(dialect.name, plain) if pinned or learned else None
        opening = said.fingerprint if pinned and said is not None else ""
        return Reading(ask, raw if raw or present else None, plain, opening, said if learned else None)

    return await asyncio.to_thread(understood) if len(raw) > LARGE or encoding else understood()


def _named(route: Route, path: str) -> str:
    """What stands in the path where the route has `{id}`."""
    pieces = route.path.split("/")
    given = path.removeprefix("/v1").split("/")
    return next((unquote(name) for piece, name in zip(pieces, given, strict=False) if piece == "{id}"), "")
