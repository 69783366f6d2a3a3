"""The store's URL, read and checked. Rule: no error shows any of it, for it may hold a password.

    redis://[USER:PASSWORD@]HOST[:6379][/DB]          rediss:// the same, over TLS
    unix://[USER:PASSWORD@]/PATH[?db=DB]
    redis+sentinel://[USER:PASSWORD@]HOST[:26379],…/NAME[/DB][?sentinel_password=…]
    redis+cluster://[USER:PASSWORD@]HOST[:6379],…

`?tls=true` puts Sentinel and Cluster on TLS; `?ca=FILE` names the authority of a private one.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote

from proxy.errors import ConfigError

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster")
OPTIONS = frozenset({"db", "tls", "ca", "sentinel_password"})
LARGEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """A store URL, read."""

    scheme: str
    nodes: tuple[tuple[str, int], ...] = ()
    path: str = ""
    """Of a unix socket."""
    service: str = ""
    """The master's name, for Sentinel."""
    db: int = 0
    tls: bool = False
    authority: str | None = None
    """File with the certificates that sign the server's; None: the system's."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_password: str | None = field(default=None, repr=False)


def read_url(url: str) -> Address:
    """Raises `ConfigError`."""
    try:
        parts = _split(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ConfigError(_UNREADABLE) from None
    if parts.scheme not in SCHEMES:
        raise ConfigError(f"store: a URL begins with one of {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    userinfo, _, hosts = parts.netloc.rpartition("@")
    username, _, password = userinfo.partition(":")
    service, db = _service_and_db(parts, options)
    address = Address(
        parts.scheme, _nodes(parts.scheme, hosts), unquote(parts.path), service, _number(db), _tls(parts.scheme, options),
        options.get("ca"), unquote(username) or None, unquote(password) or None, options.get("sentinel_password"),
    )  # fmt: skip
    _check(address, parts, options)
    return address


def _split(url: str) -> SplitResult:
    """RFC 3986's parts. Not `urlsplit`: what it takes for an IPv6 host differs by Python's version, and it knows one host only."""
    head, _, fragment = url.partition("#")
    head, _, query = head.partition("?")
    scheme, _, rest = head.partition("://")
    netloc, slash, path = rest.partition("/")
    return SplitResult(scheme.lower(), netloc, slash + path, query, fragment)


_UNREADABLE = (
    "store: the URL cannot be read; in a password, characters such as '#', '/', '?' and '@' must be percent-encoded, "
    "and an IPv6 address stands in brackets"
)


def _nodes(scheme: str, hosts: str) -> tuple[tuple[str, int], ...]:
    usual = 26379 if scheme == "redis+sentinel" else 6379
    return tuple(_node(host, usual) for host in hosts.split(",")) if hosts else ()


def _node(host: str, usual: int) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        name, port = host, str(usual)
    bare = name.removeprefix("[").removesuffix("]")
    brackets = name.startswith("["), name.endswith("]")
    named = bool(re.fullmatch(r"[A-Za-z0-9._-]+", bare)) if not any(brackets) else all(brackets) and ":" in bare
    if not named or not port.isdecimal() or not 0 < int(port) <= LARGEST_PORT:
        raise ConfigError(_UNREADABLE)
    return bare, int(port)


def _service_and_db(parts: SplitResult, options: dict[str, str]) -> tuple[str, str]:
    path = parts.path.strip("/")
    if parts.scheme == "redis+sentinel":
        service, _, path = path.partition("/")
        return unquote(service), path or options.get("db", "0")
    return "", (path if parts.scheme != "unix" else "") or options.get("db", "0")


def _number(db: str) -> int:
    if not db.isdecimal():
        raise ConfigError("store: the database after the last '/' is not a number")
    return int(db)


def _tls(scheme: str, options: dict[str, str]) -> bool:
    wanted = options.get("tls", "true" if scheme == "rediss" else "false")
    if wanted not in {"true", "false"} or (scheme == "rediss" and wanted == "false"):
        raise ConfigError("store: 'tls' is true or false, and rediss:// is always over TLS")
    return wanted == "true"


def _check(address: Address, parts: SplitResult, options: dict[str, str]) -> None:
    """What each scheme needs."""
    scheme = address.scheme
    rules = (
        (bool(parts.fragment), _UNREADABLE),
        (not OPTIONS.issuperset(options), f"store: the URL's options are {', '.join(sorted(OPTIONS))}"),
        (
            scheme == "unix" and (bool(address.nodes) or len(address.path) <= 1),
            "store: unix:// needs an absolute path: unix:///run/redis.sock",
        ),
        (scheme == "unix" and address.tls, "store: a unix socket has no TLS"),
        (scheme != "unix" and not address.nodes, "store: the URL names no host"),
        (scheme in {"redis", "rediss"} and len(address.nodes) > 1, "store: several hosts need redis+sentinel:// or redis+cluster://"),
        (scheme == "redis+cluster" and address.db > 0, "store: a cluster has database 0 only"),
        (
            scheme == "redis+sentinel" and not address.service,
            "store: redis+sentinel:// needs the master's name: redis+sentinel://host:26379/NAME/0",
        ),
        (address.authority is not None and not address.tls, "store: 'ca' says nothing without TLS: rediss:// or tls=true"),
        (address.authority is not None and not Path(address.authority).is_file(), "store: the file that 'ca' names is not there"),
    )
    for broken, message in rules:
        if broken:
            raise ConfigError(message)
