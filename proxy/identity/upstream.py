"""The caller's own credential of the provider: it goes through untouched, and its keyed hash names the account.

Whether the credential is good, the provider says. Settings: `tier`, the tier of all such accounts ("" for the default).
"""

import hashlib
import hmac
from typing import ClassVar

from proxy.core.facts import Account
from proxy.gateway.ports import Arrival
from proxy.identity.base import Reading, Settings, Tools, refusal, text
from proxy.identity.credentials import has_login_name


class Upstream:
    """Vouches for whoever sends a credential: the same one is always the same account."""

    wanted: ClassVar[str] = "your provider's API key as 'Authorization: Bearer …' or 'x-api-key: …'"

    def __init__(self, tools: Tools) -> None:
        self._secret = tools.secret
        self._tier = Reading(lambda settings: text(settings, "upstream", "tier"))

    def check(self, settings: Settings) -> None:
        self._tier(settings)

    async def identify(self, arrival: Arrival, credential: str, settings: Settings) -> Account | None:
        if not credential:
            return None
        if has_login_name(arrival.headers):
            # Where the provider takes the user for the key, any password would make a new account of the same key.
            raise refusal("A Basic credential with a user name is not taken here. Send " + self.wanted + ".")
        name = "up_" + hmac.new(self._secret, credential.encode(), hashlib.sha256).hexdigest()[:24]
        return Account(id=name, organization=name, tier=self._tier(settings), source="upstream")
