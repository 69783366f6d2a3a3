"""Logging as it was, after each test."""

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
