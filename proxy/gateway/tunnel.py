"""A WebSocket through an opened route: messages pass both ways as they come, the first side to close closes both.

What flows inside is not read; the route's `cost` and the in-flight quota are what it is charged.
"""

import asyncio
import base64
import binascii

from proxy.core.facts import Ending
from proxy.errors import CallerError
from proxy.gateway.headers import value_of
from proxy.gateway.ports import Arrival, Caller, Dispatch, Socket, Upstream

SWITCHED = 101
NORMAL, GOING_AWAY = 1000, 1001
UNSENDABLE = {0: NORMAL, 1005: NORMAL, 1006: GOING_AWAY, 1015: GOING_AWAY}
"""What stands for "no code" or "no close frame" may not be sent on (RFC 6455 7.4.1)."""

KEY = 16
"""Bytes of a handshake's nonce."""

HANDSHAKE = frozenset({
    "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol", "sec-websocket-accept",
})  # fmt: skip


def is_websocket(arrival: Arrival) -> bool:
    """RFC 6455 4.2.1: the request asks to become a WebSocket. Raises `CallerError` where it asks in a way that cannot be agreed to."""
    headers = arrival.headers
    if arrival.method != "GET" or value_of(headers, "upgrade").strip().lower() != "websocket":
        return False
    tokens = {token.strip().lower() for token in value_of(headers, "connection").split(",")}
    if "upgrade" not in tokens or not _is_key(value_of(headers, "sec-websocket-key")):
        raise CallerError("This is not a WebSocket handshake: 'Connection: Upgrade' or a valid 'Sec-WebSocket-Key' is missing.")
    if value_of(headers, "sec-websocket-version") != "13":
        raise CallerError("Only version 13 of the WebSocket protocol is served.", status=426)
    return True


def _is_key(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == KEY
    except (binascii.Error, ValueError):
        return False


async def tunnel(upstream: Upstream, dispatch: Dispatch, caller: Caller) -> tuple[int, Ending]:
    """Serves a WebSocket until either side closes it. Raises `UpstreamError` where the upstream does not agree to one."""
    wanted = value_of(dispatch.headers, "sec-websocket-protocol")
    protocols = [name.strip() for name in wanted.split(",") if name.strip()]
    far = await upstream.connect(dispatch, protocols)
    try:
        near = await caller.upgrade(far.protocol)
        try:
            ending = await _both_ways(near, far)
        finally:
            await near.close(GOING_AWAY, "")
    finally:
        await far.close(GOING_AWAY, "")
    return SWITCHED, ending


async def _both_ways(near: Socket, far: Socket) -> Ending:
    up = asyncio.ensure_future(_pump(near, far))
    down = asyncio.ensure_future(_pump(far, near))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        up.cancel()
        down.cancel()
        ends = await asyncio.gather(up, down, return_exceptions=True)
    if any(isinstance(end, ConnectionError) for end in ends):
        return Ending.CALLER_LEFT
    torn = [end for end in ends if isinstance(end, Exception)]
    return Ending.UPSTREAM_BROKE if torn else Ending.COMPLETE


async def _pump(source: Socket, sink: Socket) -> None:
    """Until `source` closes; then both are closed with its own words."""
    async for message in source.messages():
        await sink.send(message)
    if source.farewell is not None:
        code, reason = source.farewell
        code = UNSENDABLE.get(code, code)
        await sink.close(code, reason)
        await source.close(code, reason)
    else:
        await asyncio.get_running_loop().create_future()  # we closed it: the other pump is at it, and cancels this one
