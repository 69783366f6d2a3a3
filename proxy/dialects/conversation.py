"""What a request says of its conversation: how it begins, under which instructions, with which tools. Read from one pass over the body.

Rule 1: how it is written does not count: a text is a text, alone or in a list, and turns of the caller's that follow each other are one.
Rule 2: only the beginning is built, and only so much of it; of what follows, turns are counted.
Rule 3: nothing raises. What a provider may take and we do not understand says nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from proxy.dialects import peek, tools

Raw = msgspec.Raw
T = TypeVar("T")

MOST_TEXT = 8192
"""Characters of a text that are kept."""

MOST_LOOKED = 64
"""Messages at the beginning, and parts of a message, that are looked into."""

MOST_SAID = 512
"""Bytes of one parameter that are kept."""

NOT_SAID = (b"", b"null")


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one request says of it."""

    begins: str = ""
    """The text of the caller's first turn."""
    opening: bool = False
    """This is that turn: nothing that a model or a tool said stands before it, and it goes on from nothing that the provider keeps."""
    turns: int = 0
    """Messages."""
    instructions: str = ""
    """What stands before the first turn."""
    toolkit: bytes = b""
    """Digest of the tools that are offered, with their arguments; b"" where there are none."""
    forced: bool = False
    """A tool is forced that takes one text and nothing else."""
    parameters: bytes = b""
    """How the answer is to be made, as sent: temperature, effort and form."""
    shown: str = ""
    """Digest of what the first turn shows beside its text; "" where that is nothing."""
    kept: bytes = b""
    """The provider's name for a conversation that it keeps, as sent."""

    @property
    def fingerprint(self) -> str:
        """To know it again by: 32 hex digits; "" where it does not tell how it began."""
        said = (self.instructions.strip(), self.begins.strip(), self.shown)
        if not (self.kept or self.begins or self.shown):
            return ""
        raw = self.kept or "\0".join(said).encode("utf-8", "replace")
        return hashlib.blake2b(raw, digest_size=16).hexdigest()


class _Body(msgspec.Struct):
    """Members as sent, of whatever kind they are."""

    messages: Raw = Raw()
    input: Raw = Raw()
    prompt: Raw = Raw()
    system: Raw = Raw()
    instructions: Raw = Raw()
    tools: Raw = Raw()
    functions: Raw = Raw()
    tool_choice: Raw = Raw()
    function_call: Raw = Raw()
    previous_response_id: Raw = Raw()
    conversation: Raw = Raw()
    temperature: Raw = Raw()
    top_p: Raw = Raw()
    reasoning_effort: Raw = Raw()
    reasoning: Raw = Raw()
    thinking: Raw = Raw()
    output_config: Raw = Raw()
    response_format: Raw = Raw()
    text: Raw = Raw()


class _Message(msgspec.Struct):
    role: Any = ""
    type: Any = ""
    content: Raw = Raw()


class _Part(msgspec.Struct):
    type: Any = ""
    text: Raw = Raw()
    tool_use_id: Raw = Raw()
    source: Raw = Raw()
    image_url: Raw = Raw()
    input_audio: Raw = Raw()
    file: Raw = Raw()
    file_id: Raw = Raw()


_body = msgspec.json.Decoder(_Body)
_list = msgspec.json.Decoder(list[Raw])
_message = msgspec.json.Decoder(_Message)
_part = msgspec.json.Decoder(_Part)
_text = msgspec.json.Decoder(str)

_INSTRUCTS = frozenset({"system", "developer"})
_SPOKEN = frozenset({"", "message"})
_WRITTEN = frozenset({"", "text", "input_text"})


def read(dialect: str, body: bytes) -> Conversation:
    """What `body`, decompressed, says in the words of `dialect`."""
    found = _opened(_body, body)
    if found is None:
        return Conversation()
    begins = _prompt(found.prompt) if dialect == "openai_completions" else _begins(_turns(found, dialect))
    told = "\n".join(filter(None, (_said(found.system).text, _said(found.instructions).text, begins.instructions)))
    offered = found.tools, found.functions
    return Conversation(
        begins.text[:MOST_TEXT], begins.opening and not _goes_on(found), begins.turns, told[:MOST_TEXT], tools.digest(*offered),
        tools.forced(offered, found.tool_choice, found.function_call), _parameters(found), begins.shown,
        b"" if bytes(found.conversation) in NOT_SAID else bytes(found.conversation)[:MOST_SAID],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Beginning:
    """A conversation's."""

    text: str = ""
    opening: bool = False
    turns: int = 0
    instructions: str = ""
    shown: str = ""


@dataclass(frozen=True, slots=True)
class _Said:
    """By one message."""

    text: str = ""
    result: bool = False
    """It brings the result of a call."""


_SILENT = _Said()


def _turns(found: _Body, dialect: str) -> Sequence[Raw]:
    """A bare text is one turn of the caller's."""
    raw = found.input if dialect == "openai_responses" else found.messages
    return [Raw(b'{"role":"user","content":%b}' % bytes(raw))] if _starts(raw, b'"') else _items(raw)


def _begins(messages: Sequence[Raw]) -> _Beginning:
    """A word of the model's behind the caller's first turn is the beginning of its answer, where nothing follows."""
    instructions: list[str] = []
    first: list[str] = []
    contents: list[Raw] = []
    opening = len(messages) <= MOST_LOOKED
    for place, raw in enumerate(messages[:MOST_LOOKED]):
        message = _opened(_message, raw) or _Message()
        said = _said(message.content)
        role = peek.text(message.role) if peek.text(message.type) in _SPOKEN and not said.result else ""
        if role in _INSTRUCTS:
            instructions.append(said.text)
        elif role == "user":
            first.append(said.text)
            contents.append(message.content)
        else:
            opening = role == "assistant" and place + 1 == len(messages)
            break
    return _Beginning("\n".join(first), opening and bool(first), len(messages), "\n".join(instructions), _shown(contents))


def _prompt(raw: Raw) -> _Beginning:
    """It has no history; several, and token ids, as they stand there."""
    if bytes(raw) in NOT_SAID:
        return _Beginning()
    texts = _items(raw)[:MOST_LOOKED]
    if not texts or not all(_starts(each, b'"') for each in texts):
        return _Beginning(_text_of(raw), opening=True, turns=1)
    return _Beginning("\n".join(map(_text_of, texts)), opening=True, turns=1)


def _said(content: Raw) -> _Said:
    """A text, or a list of parts; only so many are looked into, and what is no text is left out."""
    if not _starts(content, b"["):
        return _Said(_text_of(content)) if _starts(content, b'"') else _SILENT
    texts: list[str] = []
    result = False
    for raw in _items(content)[:MOST_LOOKED]:
        part = (_opened(_part, raw) if _starts(raw, b"{") else _Part(text=raw)) or _Part()
        result = result or bytes(part.tool_use_id) not in NOT_SAID
        if peek.text(part.type) in _WRITTEN and _starts(part.text, b'"'):
            texts.append(_text_of(part.text))
    return _Said("\n".join(texts), result)


def _shown(contents: Sequence[Raw]) -> str:
    """Pictures and the like. Marks for a cache beside them come and go."""
    parts = [part for content in contents for raw in _items(content)[:MOST_LOOKED] if (part := _opened(_part, raw)) is not None]
    shown = [raw for part in parts for raw in (part.source, part.image_url, part.input_audio, part.file, part.file_id) if bytes(raw)]
    return hashlib.blake2b(b"\0".join(shown), digest_size=16).hexdigest() if shown else ""


def _text_of(raw: Raw) -> str:
    """A text; what is none as it is written."""
    text = _opened(_text, raw)
    return bytes(raw)[:MOST_TEXT].decode(errors="replace") if text is None else text


def _goes_on(found: _Body) -> bool:
    """The provider keeps what came before."""
    return bytes(found.previous_response_id) not in NOT_SAID or bytes(found.conversation) not in NOT_SAID


def _parameters(found: _Body) -> bytes:
    """How an answer is to be made."""
    said = (
        found.temperature, found.top_p, found.reasoning_effort, found.reasoning, found.thinking, found.output_config, found.response_format,
        found.text,
    )  # fmt: skip
    whole = b"\0".join(said)
    return whole if len(whole) <= MOST_SAID else b"\0".join(bytes(each)[:MOST_SAID] for each in said)


def _items(raw: Raw) -> list[Raw]:
    """Of a list; none of anything else."""
    return _opened(_list, raw) or [] if _starts(raw, b"[") else []


def _starts(raw: Raw, sign: bytes) -> bool:
    return bytes(memoryview(raw)[:1]) == sign  # views are compared item by item, by their format


def _opened(decoder: msgspec.json.Decoder[T], raw: bytes | Raw) -> T | None:
    try:
        return decoder.decode(raw)
    except peek.BROKEN:
        return None
