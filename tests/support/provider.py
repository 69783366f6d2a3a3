"""An identity provider for tests: publishes its keys on a free port, signs tokens, and can be down."""

import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from joserfc import jwk, jwt
from joserfc.errors import SecurityWarning

AUDIENCE = "stillgate"


class Provider:
    """Its key set can be exchanged at any time; `status` other than 200 means that it is down."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.asked = 0
        self.keys = [jwk.generate_key("EC", "P-256", {"kid": "first"})]

    def rotate(self, kid: str) -> None:
        """From now on it signs with, and publishes, a new key only."""
        self.keys = [jwk.generate_key("EC", "P-256", {"kid": kid})]

    def sign(self, **claims: Any) -> str:
        key, now = self.keys[-1], int(time.time())
        whole = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 300} | claims
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            return jwt.encode({"alg": "ES256", "kid": key.kid}, whole, key, algorithms=["ES256"])

    def settings(self) -> dict[str, str]:
        """The `identity.jwt` of a policy that believes it."""
        return {"issuer": self.url, "audience": AUDIENCE, "jwks_url": f"{self.url}/jwks"}

    async def _publish(self, _: web.Request) -> web.Response:
        self.asked += 1
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.keys]}, status=self.status)


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """A provider that answers from the test's own loop."""
    found = Provider()
    app = web.Application()
    app.router.add_get("/jwks", found._publish)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield found
    finally:
        await runner.cleanup()
