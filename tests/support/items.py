"""Responses of OpenAI's, as a stream tells them: what is generated, and what puts one together from its pieces."""

from collections.abc import Iterator
from copy import deepcopy
from itertools import count as counting
from typing import Any

from hypothesis import strategies as st

from tests.support.blocks import opaque, texts, words

Response = dict[str, Any]

BARE: dict[str, dict[str, Any]] = {"reasoning": {"summary": []}, "message": {"content": []}, "function_call": {"arguments": ""}}
"""How an item looks when it begins."""


@st.composite
def responses(draw: st.DrawFn) -> tuple[Response, list[dict[str, Any]]]:
    """A response, and the events that stream it."""
    made = [draw(st.one_of(_reasoning(), _said(), _called())) for _ in range(draw(st.integers(0, 4)))]
    items = [item | ({"id": f"i_{place}"} if draw(st.booleans()) else {}) for place, (item, _) in enumerate(made)]
    ending = draw(st.sampled_from(["completed", "incomplete", "failed"]))
    response = {"id": "resp_1", "object": "response", "status": ending, "model": "m", "output": items,
                "usage": {"output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 5}}}  # fmt: skip
    pieces = [cut for _, cut in made]
    numbers = counting()
    return response, [event | {"sequence_number": next(numbers)} for event in _events(response, pieces)]


def part(kind: str, text: str) -> dict[str, Any]:
    return {"type": kind, "text": text}


@st.composite
def _reasoning(draw: st.DrawFn) -> tuple[Any, ...]:
    summary, content = draw(st.lists(texts, max_size=3)), draw(st.lists(texts, max_size=2))
    item: dict[str, Any] = {"type": "reasoning", "summary": [part("summary_text", "".join(pieces)) for pieces in summary]}
    item |= {"content": [part("reasoning_text", "".join(pieces)) for pieces in content]} if content or draw(st.booleans()) else {}
    item |= draw(st.sampled_from([{}, {"encrypted_content": None}, {"encrypted_content": draw(opaque)}]))
    return item, {"summary": summary, "content": content}


@st.composite
def _said(draw: st.DrawFn) -> tuple[Any, ...]:
    pieces = draw(texts)
    likely = [{"token": "a", "logprob": -0.123, "bytes": [97], "top_logprobs": [
        {"token": "a", "logprob": -0.123, "bytes": [97]}, {"token": "b", "logprob": -2.5, "bytes": [98]}]}]  # fmt: skip
    told = {"type": "output_text", "text": "".join(pieces), "annotations": [], "logprobs": draw(st.sampled_from([[], likely]))}
    return {"type": "message", "role": "assistant", "status": "completed", "content": [told]}, {"content": [pieces]}


@st.composite
def _called(draw: st.DrawFn) -> tuple[Any, ...]:
    return {"type": "function_call", "call_id": "c", "name": "f", "arguments": draw(words), "status": "completed"}, {}


def _events(response: Response, pieces: list[dict[str, list[list[str]]]]) -> Iterator[dict[str, Any]]:
    begun = response | {"status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for place, (item, cut) in enumerate(zip(response["output"], pieces, strict=True)):
        bare = item | BARE[item["type"]] | ({"encrypted_content": "incomplete"} if item.get("encrypted_content") else {})
        bare = {name: value for name, value in bare.items() if name != "content" or item["type"] == "message"}
        yield {"type": "response.output_item.added", "output_index": place, "item": bare}
        where = {"output_index": place} | ({"item_id": item["id"]} if "id" in item else {})
        yield from _members(where, item, cut)
        yield {"type": "response.output_item.done", "output_index": place, "item": item}
    yield {"type": f"response.{response['status']}", "response": response}


def _members(where: dict[str, Any], item: dict[str, Any], cut: dict[str, list[list[str]]]) -> Iterator[dict[str, Any]]:
    if item["type"] == "function_call":
        yield {"type": "response.function_call_arguments.delta", **where, "delta": item["arguments"]}
        yield {"type": "response.function_call_arguments.done", **where, "arguments": item["arguments"]}
    for member, several in cut.items():
        for place, pieces in enumerate(several):
            yield from _text(item["type"], member, where, item[member][place], pieces, place)


def _text(kind: str, member: str, where: dict[str, Any], told: dict[str, Any], pieces: list[str], place: int) -> Iterator[dict[str, Any]]:
    summary = member == "summary"
    around = "response.reasoning_summary_part" if summary else "response.content_part"
    inside = "response.output_text" if kind == "message" else "response.reasoning_summary_text" if summary else "response.reasoning_text"
    here = where | {"summary_index" if summary else "content_index": place}
    likely = {"logprobs": told["logprobs"]} if "logprobs" in told else {}
    yield {"type": f"{around}.added", **here, "part": told | {"text": ""}}
    for piece in pieces:
        yield {"type": f"{inside}.delta", **here, "delta": piece, **likely, "obfuscation": "x" * (16 - len(piece))}
    yield {"type": f"{inside}.done", **here, "text": told["text"], **likely}
    yield {"type": f"{around}.done", **here, "part": told}


def put_together(events: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The items as their smallest pieces tell them, and as their ends tell them: deltas; texts, parts and items that are done."""
    pieces: dict[int, dict[str, Any]] = {}
    ends: dict[int, dict[str, Any]] = {}
    for event in events:
        kind, at = event["type"], event.get("output_index", -1)
        if kind == "response.output_item.added":
            pieces[at] = deepcopy(event["item"])
        elif kind.endswith("_part.added"):
            pieces[at].setdefault(_member(event), []).append(deepcopy(event["part"]))
        elif kind.endswith("_text.delta"):
            pieces[at][_member(event)][_index(event)]["text"] += event["delta"]
        elif kind.endswith("_text.done"):
            told = ends.setdefault(at, {}).setdefault(_member(event), {}).setdefault(_index(event), {})
            told["text"] = event["text"]
        elif kind.endswith("_part.done"):
            assert ends[at][_member(event)][_index(event)]["text"] == event["part"]["text"]
        elif kind == "response.output_item.done":
            for member, several in ends.get(at, {}).items():
                assert [several[place]["text"] for place in sorted(several)] == [each["text"] for each in event["item"][member]]
            ends[at] = event["item"]
    return [pieces[at] for at in sorted(pieces)], [ends[at] for at in sorted(ends)]


def _member(event: dict[str, Any]) -> str:
    return "summary" if "summary_index" in event else "content"


def _index(event: dict[str, Any]) -> int:
    return event.get("summary_index", event.get("content_index", 0))
