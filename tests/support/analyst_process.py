"""An analyst in a process of its own that can be killed: `python -m tests.support.analyst_process URL NAME [--real] [--partitions N]`.

It learns with the simple analysis, so that what it should have learned can be counted; with `--real`, with the house's.
"""

import argparse
import asyncio
import signal
import time
from typing import Any

from proxy.analyst import analyst
from proxy.analyst.ports import Ports
from proxy.analyst.rota import Rota
from proxy.stores import leases as leasing
from proxy.stores.analyst_memory import RedisMemory
from proxy.stores.board import RedisBoard
from proxy.stores.connect import Connection
from proxy.stores.leases import RedisLeases
from proxy.stores.moves import RedisMoves
from proxy.stores.observations import RedisObservations
from proxy.telemetry.logs import configure
from tests.support.analysts import CountingAnalysis, watchful


class _Quiet:
    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        return


def _restore(real: bool) -> Any:
    if not real:
        return CountingAnalysis.restored
    from proxy.app.analyst import restored  # noqa: PLC0415  (its libraries take a second to load)

    return restored


async def main(given: argparse.Namespace) -> None:
    configure("INFO")
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    connection = Connection(given.url, 5.0)
    leases = RedisLeases(connection, given.name, given.lease)

    def opened(partition: int, ownership: int) -> Ports:
        board, memory = RedisBoard(connection, partition), RedisMemory(connection, partition, ownership)
        return Ports(RedisObservations(connection, partition), memory, RedisMoves(connection), board, board, _Quiet())

    await Rota(leases, opened, _restore(given.real), time.time, watchful()).run(given.partitions, stopping, dict)
    await leases.leave()
    await connection.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("name")
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--partitions", type=int, default=1)
    parser.add_argument("--lease", type=float, default=6.0)
    parser.add_argument("--save", type=float, default=0.02)
    parser.add_argument("--most", type=int, default=analyst.MOST)
    words = parser.parse_args()
    analyst.SAVE, analyst.MOST, leasing.GONE = words.save, words.most, words.lease
    asyncio.run(main(words))
