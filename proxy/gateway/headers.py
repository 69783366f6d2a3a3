"""Which header fields pass, each way. Order and case of what passes stay as sent (RFC 9110 7.6.1 for hop-by-hop fields)."""

from proxy.dialects.base import Headers

HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip

OURS_UP = frozenset({"host", "content-length", "expect"})
"""Set anew for the upstream: they describe our connection to it, not the caller's to us."""

OWN_ORIGIN = frozenset({"alt-svc"})
"""Says where else the upstream's own origin is served; of ours it would be untrue (RFC 7838)."""

LIMITS = ("x-ratelimit-", "anthropic-ratelimit-", "anthropic-priority-", "anthropic-fast-", "ratelimit")
"""The upstream's limit headers tell one customer what all customers of a shared key have used."""

SHARED_KEY = frozenset({"set-cookie", "openai-organization", "openai-project", "anthropic-organization-id"})
"""What else an upstream says about the operator's own account."""


def _named_in_connection(headers: Headers) -> frozenset[str]:
    named = (value for name, value in headers if name.lower() == "connection")
    return frozenset(token.strip().lower() for value in named for token in value.split(","))


def upward(headers: Headers, *, drop: frozenset[str] = frozenset()) -> Headers:
    """The caller's headers as the upstream gets them, after the identity room has taken out what is secret or spoofable."""
    gone = HOP_BY_HOP | OURS_UP | drop | _named_in_connection(headers)
    return tuple((name, value) for name, value in headers if name.lower() not in gone)


def downward(headers: Headers, *, own_credential: bool, reshaped: bool) -> Headers:
    """The upstream's headers as the caller gets them.

    `own_credential`: the caller's credential was forwarded, so limits and organization are its own business.
    `reshaped`: the body may change, so its length, coding and digests no longer hold.
    """
    gone = HOP_BY_HOP | OWN_ORIGIN | _named_in_connection(headers)
    if not own_credential:
        gone |= SHARED_KEY
    if reshaped:
        gone |= {"content-length", "content-encoding", "content-md5", "digest", "content-digest", "repr-digest", "etag", "accept-ranges"}
    return tuple(
        (name, value) for name, value in headers if (low := name.lower()) not in gone and (own_credential or not low.startswith(LIMITS))
    )


def value_of(headers: Headers, name: str) -> str:
    """All values of a field, joined by commas (RFC 9110 5.3), or ""."""
    return ", ".join(value for key, value in headers if key.lower() == name)


def length_of(headers: Headers) -> Headers:
    """A streamed body keeps its length, so that it is not re-framed into chunks on the way."""
    return tuple((name, value) for name, value in headers if name.lower() == "content-length")
