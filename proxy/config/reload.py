"""Watches a policy's files. A good change is handed on whole, a bad one as its error: the last good policy stays.

Files are looked at, not subscribed to: it works on every file system, through symbolic links and across renames (editors,
Kubernetes' volume swap), and nothing is lost if a look is late.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from proxy.config.files import Files
from proxy.config.policy import compile_policy
from proxy.core.policy import Policy
from proxy.errors import ConfigError


class Watcher:
    """Follows one policy path; `current` is the digest of the policy that is in force already, "" for none."""

    def __init__(self, path: Path, every: float = 0.5, current: str = "") -> None:
        self._path = path
        self._every = every
        self._digest = current
        self._error = ""
        self._files: Files | None = None

    async def changes(self) -> AsyncIterator[Policy | ConfigError]:
        """Each new policy once, and each new error once; looks every `every` seconds, for ever."""
        while True:
            found = await asyncio.to_thread(self._look)
            if found is not None and self._new(found):
                yield found
            await asyncio.sleep(self._every)

    def _look(self) -> Policy | ConfigError | None:
        """None where nothing changed, or where it changed while it was read: then the next look sees it whole."""
        if self._files is not None and not self._files.changed():
            return None
        files = Files()
        outcome = self._compile(files)
        if files.changed():
            return None
        self._files = files
        return outcome

    def _compile(self, files: Files) -> Policy | ConfigError:
        try:
            return compile_policy(self._path, files)
        except ConfigError as error:
            return error

    def _new(self, found: Policy | ConfigError) -> bool:
        if isinstance(found, ConfigError):
            known, self._error = self._error, str(found)
            return self._error != known
        known, self._digest, self._error = self._digest, found.digest, ""
        return self._digest != known
