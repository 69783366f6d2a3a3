"""Which upstream serves a request, and how the operator's credential is sent there.

Rule: an upstream comes from the operator's settings only. Nothing in a request may change host, scheme or path prefix
(CVE-2025-66405 was a gateway that let a header do it).
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from yarl import URL

from proxy.dialects import routing
from proxy.dialects.base import Headers
from proxy.gateway.ports import Dispatch


@dataclass(frozen=True, slots=True)
class Target:
    """One upstream."""

    url: URL
    credential: str = ""
    auth: str = ""
    """bearer | x-api-key | none; "" means: as the dialect's provider wants it."""
    headers: Headers = ()
    models: tuple[str, ...] = ()
    """Patterns of the models it serves; empty: any."""
    paths: tuple[str, ...] = ()
    """Patterns of the paths it serves; empty: any."""
    connect: float = 10.0
    """Longest time to open a connection, seconds."""

    def __repr__(self) -> str:
        return f"Target({self.url.with_user(None)})"

    def serves(self, dispatch: Dispatch) -> bool:
        by_model = not self.models or any(fnmatchcase(dispatch.model, pattern) for pattern in self.models)
        path = routing.normalised(dispatch.path) or dispatch.path  # as routes are matched
        by_path = not self.paths or any(fnmatchcase(path, pattern) for pattern in self.paths)
        return by_model and by_path

    def address(self, dispatch: Dispatch) -> URL:
        """The request's URL here. Path and query stay as sent; a `/v1` that both sides name is named once."""
        prefix = self.url.raw_path.rstrip("/")
        path = dispatch.path
        if prefix.endswith("/v1") and (path == "/v1" or path.startswith("/v1/")):
            prefix = prefix.removesuffix("/v1")
        query = f"?{dispatch.query}" if dispatch.query else ""
        return URL(f"{self.url.origin()}{prefix}{path}{query}", encoded=True)

    def authorise(self, dispatch: Dispatch) -> Headers:
        """The dispatch's headers with the operator's credential, unless the caller's own goes through."""
        if dispatch.own_credential:
            return dispatch.headers + self.headers
        auth = self.auth or ("x-api-key" if dispatch.dialect.startswith("anthropic") else "bearer")
        if not self.credential or auth == "none":
            return dispatch.headers + self.headers
        field = ("x-api-key", self.credential) if auth == "x-api-key" else ("Authorization", f"Bearer {self.credential}")
        return (*dispatch.headers, field, *self.headers)
