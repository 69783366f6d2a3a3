"""The events by which OpenAI's Responses stream a response, derived from the finished response."""

from collections.abc import Iterator
from itertools import count as counting
from typing import Any, NamedTuple

from proxy.demo.kinds import Kind, kind_of
from proxy.demo.responses_strict import unfinished
from proxy.demo.text import pieces

BARE: dict[str, dict[str, Any]] = {"message": {"content": []}, "function_call": {"arguments": ""}, "reasoning": {"summary": []}}
"""How an item looks when it begins."""


class Event(NamedTuple):
    """One event; without `kind` it is silence in which `tokens` are generated."""

    kind: str
    data: dict[str, Any]
    tokens: int = 0
    last: bool = False


def events(response: dict[str, Any], hidden: int) -> Iterator[Event]:
    """Every event in order, numbered. `hidden`: tokens of reasoning that are generated but not shown."""
    numbers = counting()
    for event in _all(response, hidden):
        numbered = {"type": event.kind, "sequence_number": next(numbers)} | event.data if event.kind else {}
        yield event._replace(data=numbered)


def _all(response: dict[str, Any], hidden: int) -> Iterator[Event]:
    begun = response | {"status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    if response["background"]:
        yield Event("response.created", {"response": begun | {"status": "queued"}})
        yield Event("response.queued", {"response": begun | {"status": "queued"}})
    else:
        yield Event("response.created", {"response": begun})
    yield Event("response.in_progress", {"response": begun})
    for place, item in enumerate(response["output"]):
        bare = item | _bare(kind_of(response["model"]), item)
        yield Event("response.output_item.added", {"output_index": place, "item": bare})
        yield from _item(place, item, hidden)
    yield Event(f"response.{response['status']}", {"response": response}, last=True)


def _bare(kind: Kind, item: dict[str, Any]) -> dict[str, Any]:
    """What is other about an item when it begins; encrypted reasoning is there from the beginning, but not yet as it must come back."""
    bare = BARE[item["type"]] | ({"status": "in_progress"} if "status" in item else {})
    if kind is Kind.SIGNED and item.get("encrypted_content"):
        bare = bare | {"encrypted_content": unfinished(item["encrypted_content"])}
    return bare | ({"content": []} if "content" in item else {})


def _item(place: int, item: dict[str, Any], hidden: int) -> Iterator[Event]:
    where = {"item_id": item["id"], "output_index": place}
    if item["type"] == "message":
        yield from _text(where | {"content_index": 0}, item["content"][0])
    elif item["type"] == "function_call":
        yield from _arguments(where, item)
    else:
        yield from (Event("", {}, 1) for _ in range(hidden))
        yield from _thoughts(where, item.get("content", []))
        yield from _summary(where, item["summary"])
    yield Event("response.output_item.done", {"output_index": place, "item": item})


def _text(where: dict[str, Any], part: dict[str, Any]) -> Iterator[Event]:
    text = part["text"]
    yield Event("response.content_part.added", where | {"part": part | {"text": ""}})
    for token in pieces(text):
        yield Event("response.output_text.delta", where | {"delta": token, "logprobs": []}, 1)
    yield Event("response.output_text.done", where | {"text": text, "logprobs": []})
    yield Event("response.content_part.done", where | {"part": part})


def _arguments(where: dict[str, Any], item: dict[str, Any]) -> Iterator[Event]:
    for token in pieces(item["arguments"]):
        yield Event("response.function_call_arguments.delta", where | {"delta": token}, 1)
    yield Event("response.function_call_arguments.done", where | {"name": item["name"], "arguments": item["arguments"]})


def _thoughts(where: dict[str, Any], content: list[dict[str, Any]]) -> Iterator[Event]:
    """Reasoning in plain text, as servers of open models send it."""
    for place, part in enumerate(content):
        here = where | {"content_index": place}
        yield Event("response.content_part.added", here | {"part": part | {"text": ""}})
        for token in pieces(part["text"]):
            yield Event("response.reasoning_text.delta", here | {"delta": token}, 1)
        yield Event("response.reasoning_text.done", here | {"text": part["text"]})
        yield Event("response.content_part.done", here | {"part": part})


def _summary(where: dict[str, Any], summary: list[dict[str, Any]]) -> Iterator[Event]:
    for place, part in enumerate(summary):
        here = where | {"summary_index": place}
        yield Event("response.reasoning_summary_part.added", here | {"part": part | {"text": ""}})
        for token in pieces(part["text"]):
            yield Event("response.reasoning_summary_text.delta", here | {"delta": token}, 1)
        yield Event("response.reasoning_summary_text.done", here | {"text": part["text"]})
        yield Event("response.reasoning_summary_part.done", here | {"part": part})
