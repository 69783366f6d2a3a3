"""Calls with whatever credential, for the tests of identity."""

import base64
from typing import Any

import aiohttp

CHAT: Any = {"model": "demo-small", "messages": [{"role": "user", "content": "Hello."}], "max_tokens": 5}


class Asker:
    """Calls one gateway with whatever headers."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url = url
        self._http = http

    async def __call__(self, *fields: tuple[str, str], path: str = "/v1/chat/completions", query: str = "") -> tuple[int, dict[str, Any]]:
        """Status and body."""
        url = f"{self._url}{path}?{query}" if query else self._url + path
        async with self._http.post(url, json=CHAT, headers=list(fields)) as answer:
            return answer.status, await answer.json(content_type=None)

    async def status(self, *fields: tuple[str, str], query: str = "") -> int:
        return (await self(*fields, query=query))[0]


def bearer(credential: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {credential}"


def basic(user: str, password: str) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
