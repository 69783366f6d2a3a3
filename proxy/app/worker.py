"""One worker: every concrete class wired into one gateway, and the loops that keep it current.

Rule: a task that fails takes the worker down, loudly; the supervisor starts a fresh one. Nothing limps.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yarl import URL

from proxy.app.admin import WorkerAdmin
from proxy.config.policy import compile_policy
from proxy.config.reload import Watcher
from proxy.config.settings import Settings
from proxy.core.estimate import Estimator
from proxy.core.policy import Policy
from proxy.gateway.capacity import Places
from proxy.gateway.exchange import Rooms
from proxy.identity import Identities
from proxy.server.front import FrontDoor
from proxy.telemetry import open_telemetry
from proxy.upstream.client import HttpUpstream
from proxy.upstream.targets import Target

BEAT = 2.0
"""Seconds between a worker's signs of life."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker serves, given by its supervisor."""

    index: int
    socket: socket.socket
    answer_on: Path
