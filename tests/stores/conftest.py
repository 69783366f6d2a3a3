"""One server of each kind for all tests of the store; each test finds it empty."""

from collections.abc import Iterator

import pytest
from redis import Redis

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
