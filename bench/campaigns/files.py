"""A world on disk: `trace.jsonl.gz`, one exchange a line in time order, and `labels.json`. The same world gives the same bytes."""

import gzip
import json
from pathlib import Path
from typing import IO, Any, cast

from bench.campaigns.world import World

TRACE, LABELS = "trace.jsonl.gz", "labels.json"


def dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def write(world: World, out: Path) -> int:
    """Writes both files; how many exchanges."""
    out.mkdir(parents=True, exist_ok=True)
    written = 0
    # No name and no time in the archive: nothing but the content decides its bytes.
    with (out / TRACE).open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        for written, exchange in enumerate(world.exchanges(), 1):  # noqa: B007  # the last one is the count
            packed.write(dumped(exchange.line) + b"\n")
    (out / LABELS).write_text(json.dumps(world.labels(), indent=1) + "\n")
    return written


def opened(path: Path) -> IO[bytes]:
    """For reading, packed or not."""
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
