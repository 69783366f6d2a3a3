"""Calls to identity providers: small documents, no redirects, a deadline."""

from collections.abc import Mapping

import aiohttp

from proxy.errors import UpstreamError

PATIENCE = aiohttp.ClientTimeout(total=5.0)
MOST = 1 << 20
"""Bytes of an answer."""


class HttpOutbound:
    """The `Outbound` port. Open it on the loop that will use it."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(timeout=PATIENCE, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch(self, url: str) -> bytes:
        """Raises `UpstreamError`."""
        status, body = await self._ask("GET", url, None, {})
        if status != 200:  # noqa: PLR2004
            raise UpstreamError(f"fetching a document answered {status}", sent=True)
        return body

    async def post(self, url: str, fields: Mapping[str, str], login: tuple[str, str] | None) -> tuple[int, bytes]:
        """Status and body of a form's answer. Raises `UpstreamError`."""
        auth = aiohttp.encode_basic_auth(*login) if login else None
        return await self._ask("POST", url, fields, {"Authorization": auth} if auth else {})

    async def _ask(self, method: str, url: str, fields: Mapping[str, str] | None, more: Mapping[str, str]) -> tuple[int, bytes]:
        if self._session is None:
            raise UpstreamError("the client is not open", sent=False)
        try:
            headers = {"Accept": "application/json", **more}
            async with self._session.request(method, url, data=fields, headers=headers, allow_redirects=False) as answer:
                found = bytearray()
                async for piece in answer.content.iter_any():
                    found += piece
                    if len(found) > MOST:
                        raise UpstreamError("an identity provider's answer is too large", sent=True)
                return answer.status, bytes(found)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise UpstreamError(f"an identity provider does not answer: {type(error).__name__}", sent=True) from None
