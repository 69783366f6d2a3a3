"""What is left to do for a worker whose supervisor was killed."""

import logging

from proxy.errors import StoreError
from proxy.stores.connect import Connection
from proxy.stores.registry import Registry

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Deadline of a trip, seconds."""


async def last_one_out(store_url: str) -> None:
    """The supervisor cannot end its store: the last of its workers does, when all is written."""
    connection = Connection(store_url, PATIENCE)
    try:
        if not await Registry(connection).workers():
            await connection.run(lambda client: client.shutdown())
    except StoreError:
        log.warning("the embedded store may still run; the next gateway on its state directory ends it")
    finally:
        await connection.close()
