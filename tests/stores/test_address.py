"""Store URLs: every scheme, and that no error shows any of a URL."""

from pathlib import Path

import pytest
from redis.asyncio import SSLConnection
from redis.asyncio.sentinel import SentinelManagedSSLConnection

from proxy.errors import ConfigError
from proxy.stores.address import Address, read_url
from proxy.stores.connect import Connection

GOOD = {
    "redis://localhost": Address("redis", (("localhost", 6379),)),
    "redis://localhost:6380/3": Address("redis", (("localhost", 6380),), "/3", db=3),
    "redis://localhost?db=4": Address("redis", (("localhost", 6379),), db=4),
    "redis://ann:p%40ss%2F%23@h/0": Address("redis", (("h", 6379),), "/0", username="ann", password="p@ss/#"),
    "redis://:p@ss@h": Address("redis", (("h", 6379),), password="p@ss"),
    "redis://[::1]:6380": Address("redis", (("::1", 6380),)),
    "redis://[2001:db8::1]": Address("redis", (("2001:db8::1", 6379),)),
    "rediss://h:6390/1": Address("rediss", (("h", 6390),), "/1", db=1, tls=True),
    "redis://h?tls=true": Address("redis", (("h", 6379),), tls=True),
    "unix:///run/redis.sock": Address("unix", (), "/run/redis.sock"),
    "unix://ann:pw@/run/a%20b.sock?db=2": Address("unix", (), "/run/a b.sock", db=2, username="ann", password="pw"),
    "redis+sentinel://a,b:26380/mymaster/2?sentinel_password=sp": Address(
        "redis+sentinel", (("a", 26379), ("b", 26380)), "/mymaster/2", "mymaster", 2, sentinel_password="sp"
    ),
    "redis+sentinel://a/mymaster": Address("redis+sentinel", (("a", 26379),), "/mymaster", "mymaster"),
    "redis+cluster://:pw@a:7000,b,[::1]:7002": Address("redis+cluster", (("a", 7000), ("b", 6379), ("::1", 7002)), password="pw"),
    "redis+cluster://a?tls=true": Address("redis+cluster", (("a", 6379),), tls=True),
}

BAD = [
    "",
    "hunter2",
    "localhost:6379",
    "http://:hunter2@h",
    "reddis://:hunter2@h",
    "redis://",
    "redis:///0",
    "redis://:hunter2@",
    "redis://:hunter2@:6379",
    "redis://:hunter2@h:port",
    "redis://:hunter2@h:0",
    "redis://:hunter2@h:65536",
    "redis://:hunter2@h:-1",
    "redis://:hunter2@h:6379:6380",
    "redis://:hunter2@::1",
    "redis://:hunter2@[::1",
    "redis://:hunter2@h\u2100x",  # urllib's own error would show it
    "redis://:hunter2@h/zero",
    "redis://:hunter2@h/-1",
    "redis://:hunter2@h?db=one",
    "redis://:hunter2@a,b",
    "redis://:hun#ter2@h",
    "redis://:hun/ter2@h",
    "redis://:hun?ter2@h",
    "redis://h#hunter2",
    "redis://h?hunter2",
    "redis://h?hunter2=1",
    "redis://:hunter2@h?tls=yes",
    "rediss://:hunter2@h?tls=false",
    "rediss://:hunter2@h?ca=/nowhere/hunter2.pem",
    "redis://:hunter2@h?ca=/etc/hostname",
    "unix://:hunter2@",
    "unix:///",
    "unix://hunter2/run/redis.sock",
    "unix:///run/hunter2?tls=true",
    "redis+sentinel://:hunter2@a",
    "redis+sentinel://:hunter2@a/",
    "redis+sentinel://:hunter2@a/mymaster/zero",
    "redis+sentinel://a/mymaster?sentinel_pasword=hunter2",
    "redis+sentinel:///mymaster",
    "redis+cluster://:hunter2@a,,b",
    "redis+cluster://:hunter2@a/1",
]


@pytest.mark.parametrize("url", GOOD)
def test_every_scheme(url: str) -> None:
    assert read_url(url) == GOOD[url]


@pytest.mark.parametrize("url", BAD)
def test_a_bad_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        Connection(url, 1.0)
    shown = f"{error.value!r} {error.value.__cause__!r}"
    assert error.value.__suppress_context__ or error.value.__context__ is None
    for secret in ("hunter2", "ter2", "hun#"):
        assert secret not in shown


def test_an_address_does_not_show_its_passwords() -> None:
    assert "hunter2" not in repr(read_url("redis+sentinel://:hunter2@a/m?sentinel_password=hunter2"))


async def test_tls_means_tls_everywhere(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch()
    for url in ("rediss://h", "redis://h?tls=true"):
        pool = Connection(f"{url}{'&' if '?' in url else '?'}ca={authority}", 1.0).client.connection_pool
        assert pool.connection_class is SSLConnection
        assert pool.connection_kwargs["ssl_ca_certs"] == str(authority)
    watched = Connection(f"redis+sentinel://a,b/m?tls=true&ca={authority}", 1.0)
    assert watched.client.connection_pool.connection_class is SentinelManagedSSLConnection
    for sentinel in watched._sentinel.sentinels:
        assert sentinel.connection_pool.connection_class is SSLConnection
        assert sentinel.connection_pool.connection_kwargs["ssl_ca_certs"] == str(authority)
    cluster = Connection(f"redis+cluster://a?tls=true&ca={authority}", 1.0).client
    assert cluster.nodes_manager.startup_nodes["a:6379"].connection_class is SSLConnection
