"""A WebSocket through an opened route: messages pass both ways as they come, the first side to close closes both.

What flows inside is not read; the route's `cost` and the in-flight quota are what it is charged.
"""

import asyncio

from proxy.core.facts import Ending
from proxy.gateway.headers import value_of
from proxy.gateway.ports import Arrival, Caller, Dispatch, Socket, Upstream

SWITCHED = 101
GOING_AWAY = 1001
HANDSHAKE = frozenset({
    "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-protocol", "sec-websocket-accept",
})  # fmt: skip


def is_websocket(arrival: Arrival) -> bool:
    """RFC 6455 4.2.1: the request asks to become a WebSocket."""
    return arrival.method == "GET" and value_of(arrival.headers, "upgrade").lower() == "websocket"


async def tunnel(upstream: Upstream, dispatch: Dispatch, arrival: Arrival, caller: Caller) -> tuple[int, Ending]:
    """Serves a WebSocket until either side closes it. Raises `UpstreamError` where the upstream does not agree to one."""
    wanted = value_of(dispatch.headers, "sec-websocket-protocol")
    protocols = [name.strip() for name in wanted.split(",") if name.strip()]
    far = await upstream.connect(dispatch, protocols)
    try:
        near = await caller.upgrade(far.protocol)
        ending = await _both_ways(near, far)
    finally:
        await far.close(GOING_AWAY, "")
    return SWITCHED, ending


async def _both_ways(near: Socket, far: Socket) -> Ending:
    up = asyncio.ensure_future(_pump(near, far))
    down = asyncio.ensure_future(_pump(far, near))
    done, rest = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    torn = [task for task in done if task.exception() is not None]
    return Ending.UPSTREAM_BROKE if torn else Ending.COMPLETE


async def _pump(source: Socket, sink: Socket) -> None:
    async for message in source.messages():
        await sink.send(message)
    await sink.close(source.close_code or GOING_AWAY, "")
