"""What was logged to stderr, once the thread that writes it is done."""

import logging

import pytest


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    for handler in logging.getLogger().handlers:
        handler.flush()
    return capsys.readouterr().err
