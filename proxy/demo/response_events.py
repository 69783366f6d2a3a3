"""The events by which OpenAI's Responses stream a response, derived from the finished response."""

from collections.abc import Iterator
from itertools import count as counting
from typing import Any, NamedTuple

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
    yield Event("response.created", {"response": begun})
    yield Event("response.in_progress", {"response": begun})
    for place, item in enumerate(response["output"]):
        yield from _item(place, item, hidden)
    yield Event(f"response.{response['status']}", {"response": response}, last=True)


def _item(place: int, item: dict[str, Any], hidden: int) -> Iterator[Event]:
    bare = item | BARE[item["type"]] | ({"status": "in_progress"} if "status" in item else {})
    yield Event("response.output_item.added", {"output_index": place, "item": bare})
    where = {"item_id": item["id"], "output_index": place}
    if item["type"] == "message":
        yield from _text(where | {"content_index": 0}, item["content"][0])
    elif item["type"] == "function_call":
        yield from _arguments(where, item)
    else:
        yield from (Event("", {}, 1) for _ in range(hidden))
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


def _summary(where: dict[str, Any], summary: list[dict[str, Any]]) -> Iterator[Event]:
    for place, part in enumerate(summary):
        here = where | {"summary_index": place}
        yield Event("response.reasoning_summary_part.added", here | {"part": part | {"text": ""}})
        for token in pieces(part["text"]):
            yield Event("response.reasoning_summary_text.delta", here | {"delta": token}, 1)
        yield Event("response.reasoning_summary_text.done", here | {"text": part["text"]})
        yield Event("response.reasoning_summary_part.done", here | {"part": part})
