"""Reasoning in other words: another model is asked (`reasoning: rewrite MODEL`), within bounds. Where it fails, nothing is shown."""

import asyncio
import logging

from proxy.core.policy import Policy
from proxy.errors import UpstreamError
from proxy.gateway.ports import Dispatch, Upstream
from proxy.shaping import rewriting

log = logging.getLogger(__name__)

MOST_ANSWER = 4 * 1024 * 1024
"""Bytes of the rewriting model's answer that are read."""


async def rewritten(text: str, via: str, policy: Policy, upstream: Upstream) -> str:
    """What the model `via` makes of `text`; "" where it does not answer in time, or not well. The operator pays for it, not the caller."""
    body = rewriting.asking(text, via, policy.rewrite)
    headers = (("Content-Type", "application/json"), ("Accept", "application/json"), ("Accept-Encoding", "identity"))
    dispatch = Dispatch("POST", "/v1/chat/completions", "", headers, body, model=via, dialect="openai_chat", idle=policy.rewrite.seconds)
    try:
        async with asyncio.timeout(policy.rewrite.seconds):
            return rewriting.told(await _whole(upstream, dispatch))
    except (UpstreamError, TimeoutError) as error:
        log.warning("reasoning was not rewritten by %s and is left out: %s", via, str(error) or type(error).__name__)
        return ""


async def _whole(upstream: Upstream, dispatch: Dispatch) -> bytes:
    answer = await upstream.send(dispatch)
    try:
        if answer.status >= 400:  # noqa: PLR2004
            raise UpstreamError(f"it answered with status {answer.status}", sent=True)
        found = bytearray()
        async for chunk in answer.chunks():
            found += chunk
            if len(found) > MOST_ANSWER:
                return b""
        return bytes(found)
    finally:
        answer.close()
