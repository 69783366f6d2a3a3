"""Canaries: words that occur nowhere else, planted where secrets and prompts are, and looked for wherever anything is kept or shown."""

import base64
import secrets
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote_plus

from redis.asyncio import Redis


class Canaries:
    """Makes words and finds them again, in whatever way they may be written."""

    def __init__(self) -> None:
        self.planted: dict[str, str] = {}

    def word(self, what: str) -> str:
        """A new one; `what` is how a failed test calls it."""
        word = self.planted[what] = "Kanari" + secrets.token_hex(12)
        return word

    def found_in(self, text: str | bytes) -> list[str]:
        """What of it is there."""
        raw = text.encode(errors="surrogateescape") if isinstance(text, str) else text
        return sorted(what for what, word in self.planted.items() if any(form in raw for form in forms(word)))


def escaped(word: str) -> str:
    """As JSON may write it: every letter as `\\u….`"""
    return "".join(f"\\u{ord(letter):04x}" for letter in word)


def forms(word: str) -> Iterable[bytes]:
    """The ways in which a word can be written. Base64 depends on where the word begins, so its inner part is looked for, three times."""
    yield word.encode()
    yield escaped(word).encode()
    yield word.encode().hex().encode()
    yield quote_plus(word).encode()
    for shift in range(3):
        yield base64.b64encode(b"\0" * shift + word.encode())[4:-4]


async def dump(url: str) -> bytes:
    """Every key and value of a store, and how the server itself would write them to a file."""
    seen = []
    async with Redis.from_url(url) as client:
        readers = {
            b"string": client.get, b"hash": client.hgetall, b"set": client.smembers, b"list": lambda key: client.lrange(key, 0, -1),
            b"zset": lambda key: client.zrange(key, 0, -1, withscores=True), b"stream": client.xrange,
        }  # fmt: skip
        async for key in client.scan_iter():
            kind = await client.type(key)
            seen += [key, repr(await readers[kind](key)).encode(), await client.dump(key) or b""]
    return b"\n".join(seen)


def files(*folders: Path) -> bytes:
    """Names and contents of all files below."""
    paths = [path for folder in folders for path in folder.rglob("*")]
    return b"\n".join(str(path).encode() + b"\n" + (path.read_bytes() if path.is_file() else b"") for path in paths)
