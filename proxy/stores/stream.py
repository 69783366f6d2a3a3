"""The stream of observations, from the writing side: what the store has not got yet. Read by `stores/observations.py`.

  sg:{analyst}:obs:<partition>   stream of entries with one field `o`, an observation as `learning.codec` writes it

An account's observations are all in one partition. One that was written, while its answer was lost, is written again: the analyst knows
it by its request.
"""

import zlib
from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice

from proxy.learning.codec import encode
from proxy.learning.observation import Observation
from proxy.stores.observations import stream
from proxy.stores.scripts import Call

BATCH = 256
"""Observations in one trip."""

MOST_WAITING = 100_000
"""Observations kept while the store is away, some 200 bytes each; past it the oldest is dropped, and counted."""

KEPT = 1_000_000
"""Observations that about wait in a partition while no analyst learns; past it the oldest are lost. A quarter of a gigabyte."""


class Outgoing:
    """Observations on their way."""

    def __init__(self, partitions: int = 1) -> None:
        self._partitions = partitions
        self._waiting: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        """By request: partition and observation."""
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, seen: Observation) -> None:
        try:
            self._waiting[seen.request] = self._partition(seen.account), encode(seen)
        except ValueError:  # its account's name alone is longer than an observation may be
            self._dropped += 1
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
            self._dropped += 1

    def take_dropped(self) -> int:
        """Observations given up since the last look."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def batch(self) -> dict[int, dict[str, bytes]]:
        """The oldest, by partition and request. They go on waiting until they are `written`."""
        found: dict[int, dict[str, bytes]] = {}
        for request, (partition, data) in islice(self._waiting.items(), BATCH):
            found.setdefault(partition, {})[request] = data
        return found

    def written(self, requests: Iterable[str]) -> None:
        for request in requests:
            self._waiting.pop(request, None)

    def failed(self, requests: Iterable[str]) -> None:
        """They go to the end: one node of a cluster that is down keeps no other partition waiting."""
        for request in requests:
            if request in self._waiting:
                self._waiting.move_to_end(request)

    def _partition(self, account: str) -> int:
        return zlib.crc32(account.encode()) % self._partitions


def appending(partition: int, requests: dict[str, bytes]) -> Call:
    """All of them in one call."""
    return Call("append", (stream(partition),), ("", 0, KEPT, *requests.values()))
