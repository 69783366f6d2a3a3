"""API keys of our own: made here, and known again by their hash (see `core.keys`)."""

import hashlib
import re
import secrets
from typing import ClassVar

from proxy.core.facts import Account
from proxy.core.keys import PREFIX
from proxy.gateway.ports import Arrival
from proxy.identity.base import Settings, Tools, refusal

_KEY = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{43}")


class Keys:
    """Vouches for who sends a key that the store knows."""

    wanted: ClassVar[str] = "an API key as 'Authorization: Bearer sg-…' or 'x-api-key: sg-…'"

    def __init__(self, tools: Tools) -> None:
        self._records = tools.records

    def check(self, settings: Settings) -> None:
        """There is nothing to set."""

    async def identify(self, arrival: Arrival, credential: str, settings: Settings) -> Account | None:
        if not credential.startswith(PREFIX):
            return None
        if not _KEY.fullmatch(credential):
            raise refusal(
                "This API key is not complete: a key is 'sg-' and 43 more characters. Please copy it again, or ask for a new one."
            )
        record = await self._records.find(digest_of(credential))
        if record is None or not record.valid(arrival.at):
            raise refusal("This API key is not known here, or was revoked, or has expired. Please use a valid key, or ask for a new one.")
        return record.holder()


def mint() -> tuple[str, str, str]:
    """A new key, its digest (what `KeyRecord.digest` holds) and its id. The key is for its owner's eyes only, once."""
    key = PREFIX + secrets.token_urlsafe(32)
    return key, digest_of(key), "key_" + secrets.token_hex(8)


def digest_of(key: str) -> str:
    """What the store knows a key by: SHA-256 in hex."""
    return hashlib.sha256(key.encode()).hexdigest()
