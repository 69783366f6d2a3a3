"""One answer of OpenAI's chat as a caller sends it back: what is asked before it, its tokens, and what becomes of it."""

import json
from typing import Any

from proxy.core.sealing import Finding
from proxy.shaping.binding import Binder
from proxy.shaping.histories.openai_chat import ChatHistory
from tests.support.conversations import raw
from tests.support.seals import a_binder

HISTORY = ChatHistory()
ASK = {"role": "user", "content": "add"}


def body(*messages: dict[str, Any]) -> bytes:
    return json.dumps({"model": "m", "messages": [*messages]}).encode()


ANCHOR = HISTORY.anchor(body(ASK))


def token(anchor: str = ANCHOR, **members: Any) -> str:
    return a_binder().token({}, {name: raw(value) for name, value in members.items()}, anchor)


def foreign(**members: Any) -> str:
    """Of another organization."""
    return a_binder(holder="o:other").token({}, {name: raw(value) for name, value in members.items()}, ANCHOR)


def restored(binder: Binder | None = None, **members: Any) -> tuple[dict[str, Any], list[Finding]]:
    """What the answer becomes, without its role, and what was found."""
    found = HISTORY.restore(body(ASK, {"role": "assistant", **members}), binder or a_binder())
    message = json.loads(found.body)["messages"][1]
    assert message.pop("role") == "assistant"
    return message, [finding for finding, _ in found.findings]


def signed(mark: str) -> dict[str, Any]:
    """Gemini's signature."""
    return {"extra_content": {"google": {"thought_signature": mark}}}
