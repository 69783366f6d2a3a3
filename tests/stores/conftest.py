"""One server of each kind for all tests of the store; each test finds it empty."""

from collections.abc import AsyncIterator, Iterator

import pytest
from redis import Redis

from proxy.stores.connect import Connection
from tests.support.servers import Server, server, servers


@pytest.fixture(scope="session", params=sorted(servers()))
def shared(request: pytest.FixtureRequest) -> Iterator[Server]:
    with server(request.param) as found:
        yield found


@pytest.fixture
def store_server(shared: Server) -> Server:
    with Redis(port=shared.port) as client:
        client.flushall()
    return shared


@pytest.fixture(params=sorted(servers()))
def own_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that the test may break."""
    with server(request.param) as found:
        yield found


@pytest.fixture
async def connection(store_server: Server) -> AsyncIterator[Connection]:
    found = Connection(store_server.url, 5.0)
    yield found
    await found.close()
