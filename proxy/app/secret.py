"""The operator's hashing key: accounts that are known only by their provider's credential are named by a keyed hash of it.

Gateways that share a store must share it (STILLGATE_SECRET, or `secret` in the settings file), or one account would have several names.
What is learned from is hashed with it too: under two keys nothing that two gateways saw looks alike. That harms no caller, and a single
gateway on a Redis of its own is honest without it, so it is warned of (`cautions`, `stillgate status`) and not refused.
Where there is no file of seal keys, the key that seals is derived from it too; gateways that serve the same callers must then share it.
"""

import os
import secrets
from pathlib import Path

from proxy.config.settings import Settings
from proxy.core.policy import Policy
from proxy.errors import ConfigError
from proxy.sealing import keyfile
from proxy.sealing.keyring import Keyring, key_id


def check(settings: Settings, policy: Policy, *, embedded: bool) -> None:
    """Raises `ConfigError` where gateways on one store could name one account differently, or not open each other's tokens. An
    `embedded` store is one gateway's own."""
    if "upstream" in policy.identity and not embedded and not settings.secret.get_secret_value():
        raise ConfigError(
            "identity.from has 'upstream', whose accounts are named by keyed hashes, and other gateways may share the store: "
            "set STILLGATE_SECRET to the same text on every gateway"
        )
    if policy.binding.on and not embedded and not shared(settings):
        raise ConfigError(
            "guards.reasoning_binding hands out tokens that every gateway must be able to open, and other gateways may share the store: "
            "give each the same --seal-keys FILE ('stillgate seal rotate FILE' makes one), or set STILLGATE_SECRET to the same text"
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


def hashing_id(settings: Settings) -> str:
    """What the hashing key is called, in public: gateways that say the same have the same. Raises `ConfigError`."""
    return key_id(secret_of(settings)).hex()


def keyring(settings: Settings) -> Keyring:
    """The keys that seal, as they are now. Raises `ConfigError`."""
    return Keyring(*sealing(settings))


def sealing(settings: Settings) -> tuple[bytes, ...]:
    """The secrets of the keys that seal, newest first. Raises `ConfigError`."""
    return tuple(keyfile.load(settings.seal_keys)) if settings.seal_keys else (secret_of(settings),)


async def follow(settings: Settings, ring: Keyring) -> None:
    """Keeps `ring` to the file of seal keys, until cancelled. Without a file there is nothing to follow, and it ends at once."""
    if settings.seal_keys:
        await keyfile.KeyFile(settings.seal_keys, ring).follow()


def shared(settings: Settings) -> bool:
    """The keys that seal are configured, so that other gateways can have the same; else they were made here, for here."""
    return bool(settings.seal_keys or settings.secret.get_secret_value())
