"""Conversations as an honest client keeps them, beside what the provider must get: for every dialect that has a history.

`sent` is what the client holds: what was hidden or bound are tokens. `made` is the same with everything as the provider made it.
"""

import json
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from proxy.shaping.binding import Binder
from proxy.shaping.histories import CATALOGUE

Message = dict[str, Any]
RAW = msgspec.Raw


def raw(value: object) -> msgspec.Raw:
    return RAW(json.dumps(value).encode())


class Conversation:
    """Give it what happens, one thing after the other."""

    name: ClassVar[str]
    member: ClassVar[str] = "messages"

    def __init__(self, system: str = "be kind") -> None:
        self.system = system
        self.sent: list[Message] = []
        self.made: list[Message] = []
        self.number = 0
        self.pending: list[str] = []

    @property
    def history(self):
        return CATALOGUE[self.name]

    def head(self) -> Message:
        return {"model": "m"}

    def body(self, messages: list[Message] | None = None) -> bytes:
        return json.dumps(self.head() | {self.member: self.sent if messages is None else messages}).encode()

    def wanted(self) -> Message:
        """What the provider must get of all this."""
        return self.head() | {self.member: self.made}

    def says(self, text: str) -> None:
        """The caller."""
        self.both({"role": "user", "content": text})
        self.pending = []

    def both(self, message: Message) -> None:
        self.sent.append(message)
        self.made.append(message)

    def answer(self, binder: Binder, *, calls: int = 0) -> None:
        """The model, through the proxy."""
        self.number += 1
        self.pending = [f"call_{self.number}_{each}" for each in range(calls)]
        anchor = self.history.anchor(self.body())
        self._answer(binder, anchor)

    def results(self) -> None:
        """Of all calls of the last answer."""
        raise NotImplementedError

    def _answer(self, binder: Binder, anchor: str) -> None:
        raise NotImplementedError


class Messages(Conversation):
    name = "anthropic_messages"

    def head(self) -> Message:
        return {"model": "m", "max_tokens": 9000, "system": self.system, "thinking": {"type": "enabled", "budget_tokens": 2000}}

    def results(self) -> None:
        self.both({"role": "user", "content": [{"type": "tool_result", "tool_use_id": name, "content": "ok"} for name in self.pending]})
        self.pending = []

    def _answer(self, binder: Binder, anchor: str) -> None:
        thought, signature, data = f"I think {self.number}/é", f"sig+/{self.number}==", f"red{self.number}"
        rest: list[Message] = [{"type": "tool_use", "id": name, "name": "f", "input": {}} for name in self.pending]
        rest = rest or [{"type": "text", "text": f"answer {self.number}"}]
        token = binder.token({"signature": raw(signature)}, {"thinking": raw(thought)}, anchor)
        closed = binder.token({"data": raw(data)}, {}, anchor)
        self.made.append({"role": "assistant", "content": [
            {"type": "thinking", "thinking": thought, "signature": signature}, {"type": "redacted_thinking", "data": data}, *rest,
        ]})  # fmt: skip
        self.sent.append({"role": "assistant", "content": [
            {"type": "thinking", "thinking": "", "signature": token}, {"type": "redacted_thinking", "data": closed}, *rest,
        ]})  # fmt: skip


class Chat(Conversation):
    name = "openai_chat"

    def __init__(self, system: str = "be kind") -> None:
        super().__init__(system)
        self.both({"role": "system", "content": system})

    def results(self) -> None:
        for name in self.pending:
            self.both({"role": "tool", "tool_call_id": name, "content": "ok"})
        self.pending = []

    def _answer(self, binder: Binder, anchor: str) -> None:
        thought, block, signature = f"I think {self.number}/é", f"<think>\nso {self.number}</think>", f"sig+/{self.number}=="
        token = binder.token({}, {"reasoning_content": raw(thought)}, anchor)
        inline = binder.token({}, {"think": raw(block)}, anchor)
        bound = binder.token({"thought_signature": raw(signature)}, {}, anchor)

        def message(reasoning: str, content: str, mark: str) -> Message:
            extra = {"extra_content": {"google": {"thought_signature": mark}}}
            function = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
            calls = [{"id": name} | function | extra for name in self.pending]
            return {"role": "assistant", "content": content, "reasoning_content": reasoning} | ({"tool_calls": calls} if calls else {})

        self.made.append(message(thought, f"{block}\n\nanswer {self.number}", signature))
        self.sent.append(message(f"I th{token}", f"<think>{inline}</think>\n\nanswer {self.number}", bound))


class Responses(Conversation):
    name = "openai_responses"
    member = "input"

    def head(self) -> Message:
        return {"model": "m", "instructions": self.system, "store": False}

    def results(self) -> None:
        for name in self.pending:
            self.both({"type": "function_call_output", "call_id": name, "output": "ok"})
        self.pending = []

    def _answer(self, binder: Binder, anchor: str) -> None:
        number = self.number
        summary, content = [{"type": "summary_text", "text": f"so {number}"}], f"enc+/{number}=="
        token = binder.token({"encrypted_content": raw(content)}, {"summary": raw(summary)}, anchor)
        item = {"type": "reasoning", "id": f"rs_{number}"}
        self.made.append(item | {"summary": summary, "encrypted_content": content})
        self.sent.append(item | {"summary": [{"type": "summary_text", "text": ""}], "encrypted_content": token})
        for name in self.pending:
            self.both({"type": "function_call", "id": f"fc_{name}", "call_id": name, "name": "f", "arguments": "{}"})
        if not self.pending:
            self.both({"type": "message", "id": f"msg_{number}", "role": "assistant", "content": [{"type": "output_text", "text": "yes"}]})


KINDS: tuple[type[Conversation], ...] = (Messages, Chat, Responses)

BLOCKS = {"anthropic_messages": 2, "openai_chat": 2, "openai_responses": 1}
"""Tokens in one answer without calls."""


def played(kind: type[Conversation], steps: list[str], binder: Callable[[], Binder]) -> Conversation:
    """A conversation of `say`, `call` (two calls at once, and their results) and `answer`, each with the binder of its own exchange."""
    talk = kind()
    talk.says("question 0")
    for number, step in enumerate(steps, 1):
        if step == "call":
            talk.answer(binder(), calls=2)
            talk.results()
        else:
            talk.answer(binder())
            talk.says(f"question {number}")
    return talk
