"""Signed messages after Standard Webhooks: `webhook-id`, `webhook-timestamp`, and `webhook-signature: v1,<base64 HMAC-SHA256>`.

What is signed is `id.timestamp.body`. Several secrets, and several signatures: each side can replace its secret without a gap.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

from proxy.errors import ConfigError
from proxy.verification.rules import Refusal, Why

TOLERANCE = 300.0
"""Seconds that a message may be old, or ahead."""

LONGEST_ID = 256
MOST_SIGNATURES = 16


def key_of(secret: str) -> bytes:
    """`whsec_` and base64, or a plain text. Raises `ConfigError`, which does not show it."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        found = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not found:
        raise ConfigError("verification.webhook_secrets: what follows 'whsec_' is not base64")
    return found


def message_id(headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], at: float) -> str:
    """The id of a message that is signed by one of the keys, and of now. Raises `Refusal`."""
    name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (0 < len(name) <= LONGEST_ID and stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):  # noqa: PLR2004
        raise Refusal(Why.NOT_SIGNED, "The message needs webhook-id, webhook-timestamp and webhook-signature.")
    signed = f"{name}.{stamp}.".encode("utf-8", "surrogateescape") + body
    if not _is_signed(signed, headers.get("webhook-signature", ""), keys):
        raise Refusal(Why.NOT_SIGNED, "The signature does not match.")
    if abs(at - int(stamp)) > TOLERANCE:
        raise Refusal(Why.NOT_SIGNED, "The message is too old, or our clocks differ.")
    return name


def _is_signed(signed: bytes, given: str, keys: Sequence[bytes]) -> bool:
    wanted = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    offered = [one[3:].encode("utf-8", "surrogateescape") for one in given.split()[:MOST_SIGNATURES] if one.startswith("v1,")]
    return any([hmac.compare_digest(one, other) for one in wanted for other in offered])  # noqa: C419  (all, so that time tells nothing)
