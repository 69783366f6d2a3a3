"""Conversations of Anthropic messages. (https://platform.claude.com/docs/en/build-with-claude/thinking)

With manual thinking, a tool turn that is still open must begin with its thinking, or the API refuses it. So where a block of the open
turn must go, all of that turn's thinking goes and the request is answered without: what the API itself does where a turn's modes
contradict each other.

A `compaction` block's `encrypted_content` and `signature` are not bound: the block stands for all of the conversation before it, and
its text may be read by anyone who holds it. To drop it where it is not at home would lose the conversation, not only its reasoning.
"""

from typing import ClassVar

from proxy.dialects import twins
from proxy.shaping.base import Restored
from proxy.shaping.binding import Binder
from proxy.shaping.edit import Object, Raw, closed, maybe_items, maybe_object, maybe_text, written
from proxy.shaping.histories.judge import Judge
from proxy.shaping.histories.turns import Said, Turns, content_of, messages_of, role_of
from proxy.shaping.requests.thinking import KINDS, turn_off

OPAQUE = (b"signature", b"redacted_thinking")

NAMES = {"thinking": ("signature", "thinking"), "redacted_thinking": ("data",)}
"""Members of each kind of block that a token may stand for; the first one is where it stands."""

_TWICE = frozenset({"role", "content"})


class MessagesHistory:
    """`POST /messages`, `POST /messages/count_tokens`."""

    name: ClassVar[str] = "anthropic_messages"

    def anchor(self, body: bytes) -> str:
        return Turns(messages_of(body, "messages")[1], tell).last

    def restore(self, body: bytes, binder: Binder) -> Restored:
        judge = Judge(binder)
        if judge.concerned(body, OPAQUE):
            body = _restored(body, judge)
        return judge.restored(body)


def tell(message: Object) -> Said | None:
    return None if role_of(message) == "assistant" else content_of(message.get("content"))


def _restored(body: bytes, judge: Judge) -> bytes:
    found, messages = messages_of(body, "messages")
    turns = Turns(messages, tell)
    after = [_Message(raw) for raw in messages]
    for place, message in enumerate(after):
        if judge.concerned(message.raw, OPAQUE):
            message.judge(judge, turns.before(place))
    start = _open_turn(turns, len(messages))
    broken = any(message.lost for message in after[start:])
    for message in after[start:] if broken else ():
        message.forget()
    if all(message.same for message in after) and twins.repeated(body, frozenset({"messages"})) is None:
        return body
    found["messages"] = closed([message.raw for message in after if not message.empty])
    if broken:
        turn_off(found)
    return written(found)


def _open_turn(turns: Turns, count: int) -> int:
    """Where the turn begins that the model is to go on with: behind the last thing that the caller said of its own accord. Messages
    of the caller's that follow each other are one: what stands beside results of calls does not end the turn."""
    end, run, brings = count, 0, False
    for place in range(count - 1, -1, -1):
        said = turns.at(place)
        if said is not None:
            end = end if run else place + 1
            run, brings = run + 1, brings or bool(said.ids)
        elif run and not brings:
            return end
        else:
            run, brings = 0, False
    return end if run and not brings else 0


class _Message:
    """One message, while it is judged; nothing of it is opened before."""

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._message: Object = {}
        self._blocks: list[Raw] | None = None
        self.same = True
        """Did it stay as it came?"""
        self.lost = False
        """Had a block to go?"""

    @property
    def empty(self) -> bool:
        """It had nothing but what had to go. Two turns of the caller's that follow each other then are taken as one."""
        return self._blocks == [] and not self.same

    @property
    def raw(self) -> Raw:
        if self.same:
            return self._raw
        return closed(self._message if self._blocks is None else self._message | {"content": closed(self._blocks)})

    def judge(self, judge: Judge, anchor: str) -> None:
        self._open()
        self.same = twins.repeated(bytes(self._raw), _TWICE & self._message.keys()) is None
        after = [_judged(block, judge, anchor) for block in self._blocks or ()]
        self.lost = None in after
        self._become([block for block in after if block is not None])

    def forget(self) -> None:
        """Without any thinking."""
        if self.same:
            self._open()
        self._become([block for block in self._blocks or () if _kind(block) not in KINDS])

    def _open(self) -> None:
        self._message = maybe_object(self._raw) or {}
        self._blocks = maybe_items(self._message.get("content")) if role_of(self._message) == "assistant" else None

    def _become(self, blocks: list[Raw]) -> None:
        if self._blocks is not None and blocks != self._blocks:
            self._blocks, self.same = blocks, False


def _judged(raw: Raw, judge: Judge, anchor: str) -> Raw | None:
    """The block as the provider made it; None where it must go."""
    block = maybe_object(raw) or {}
    names = NAMES.get(maybe_text(block.get("type")) or "")
    if names is None:
        return raw
    verdict = judge.value(block.get(names[0]), (anchor,), frozenset(names))
    if verdict.stays:
        twice = twins.repeated(bytes(raw), frozenset({"type", *names}) & block.keys())
        return raw if twice is None else closed(block)
    if verdict.members is None:
        return None
    if names[0] not in verdict.members:
        del block[names[0]]  # the upstream had none
    return closed(block | verdict.members)


def _kind(raw: Raw) -> str:
    return maybe_text((maybe_object(raw) or {}).get("type")) or ""
