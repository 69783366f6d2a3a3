"""Listening sockets, made by the supervisor and handed to workers.

Each worker has a socket of its own (SO_REUSEPORT), so the kernel spreads connections evenly, and the supervisor keeps them
open, so connections that wait on a worker that died are served by the one that takes its place.
"""

import socket

from proxy.errors import ConfigError


def bind(address: str, count: int) -> list[socket.socket]:
    """`count` sockets on HOST:PORT (port 0: any free one). Raises `ConfigError` where somebody else has it."""
    host, port = split(address)
    try:
        family, kind, proto, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        _claim(family, kind, proto, where)
        first = _listening(family, kind, proto, where)
        bound = first.getsockname()
        return [first, *(_listening(family, kind, proto, bound) for _ in range(count - 1))]
    except OSError as error:
        raise ConfigError(f"cannot listen on {address}: {error.strerror or error}") from None


def split(address: str) -> tuple[str, int]:
    """HOST:PORT, with IPv6 hosts in brackets. Raises `ConfigError`."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004
        raise ConfigError(f"'{address}' is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def words(sock: socket.socket) -> str:
    """HOST:PORT of a bound socket."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _claim(family: int, kind: int, proto: int, where: tuple[object, ...]) -> None:
    """With SO_REUSEPORT two gateways could share a port unnoticed: ask for it alone first."""
    with socket.socket(family, kind, proto) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(where)


def _listening(family: int, kind: int, proto: int, where: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(family, kind, proto)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(where)
    sock.listen(1024)
    sock.settimeout(0)
    return sock
