"""The operator's hashing key: accounts that are known only by their provider's credential are named by a keyed hash of it.

Gateways that share a store must share it (STILLGATE_SECRET, or `secret` in the settings file), or one account would have several names.
"""

import os
import secrets
from pathlib import Path

from proxy.config.settings import Settings
from proxy.core.policy import Policy
from proxy.errors import ConfigError


def check(settings: Settings, policy: Policy, *, embedded: bool) -> None:
    """Raises `ConfigError` where gateways on one store could name one account differently. An `embedded` store is one gateway's own."""
    if "upstream" in policy.identity and not embedded and not settings.secret.get_secret_value():
        raise ConfigError(
            "identity.from has 'upstream', whose accounts are named by keyed hashes, and other gateways may share the store: "
            "set STILLGATE_SECRET to the same text on every gateway"
        )


def secret_of(settings: Settings) -> bytes:
    """The configured secret, or one made once in the state directory. Raises `ConfigError`."""
    if configured := settings.secret.get_secret_value():
        return configured.encode()
    path = Path(settings.state_dir) / "secret"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = path.with_name(f"secret.{os.getpid()}")
        made.touch(mode=0o600)
        made.write_bytes(secrets.token_bytes(32))
        try:
            os.link(made, path)  # whole or not at all, and only the first of several workers
        except FileExistsError:
            pass
        finally:
            made.unlink()
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot keep a secret in {path.parent}: {error.strerror}") from None
