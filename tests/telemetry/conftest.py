"""Logging as it was, after each test; and a quiet interpreter, for tests of time."""

import gc
import logging
from collections.abc import Iterator

import pytest

from proxy.telemetry.logs import _QUIET


@pytest.fixture(autouse=True)
def logging_restored() -> Iterator[None]:
    names = ("", *_QUIET)
    levels = {name: logging.getLogger(name).level for name in names}
    handlers = list(logging.getLogger().handlers)
    yield
    logging.getLogger().handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture(autouse=True, scope="module")
def _nothing_old_is_collected() -> Iterator[None]:
    """What thousands of tests before these left in memory is not walked through while they measure."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
