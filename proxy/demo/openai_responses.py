"""OpenAI's Responses: create (whole, as a stream, in the background), and a bounded memory from which an answer can be fetched again.

A stream is derived from the finished response, so the two cannot differ, and a replay sends the same events.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.demo import responses_strict
from proxy.demo.conversation import cached_tokens
from proxy.demo.kinds import Kind
from proxy.demo.model import Reply, reply
from proxy.demo.response_events import Event, events
from proxy.demo.response_inputs import listed
from proxy.demo.response_request import SEALED, ResponseRequest, response, sealed_content, usage_of
from proxy.demo.wire import Answer, Asked, Frame, parsed, sse
from proxy.errors import CallerError

KEPT = 256
"""Responses remembered; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A response that is remembered."""

    response: dict[str, Any]
    tokens: int
    """What a conversation that goes on from it has already read."""
    seed: int
    inputs: list[dict[str, Any]]
    """The items that it answers."""
    sealed: Mapping[str, str]
    """The encrypted content of each reasoning item that whoever fetches it can ask for, by id."""


class Responses:
    """The routes, and what they remember."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._known: OrderedDict[str, Kept] = OrderedDict()

    def create(self, asked: Asked) -> Answer:
        """`POST /v1/responses`. Raises `CallerError`."""
        request = parsed(asked, ResponseRequest)
        if request.background and request.store is False:
            raise CallerError("Background mode requires store=true.", param="background")
        responses_strict.check(request.kind, request.model, request.turns(), self._holds)
        earlier = self._find(request.previous_response_id) if request.previous_response_id else None
        before, seed = (earlier.tokens, earlier.seed) if earlier else (0, 0)
        spoken = reply(request.prompt(seed))
        read = before + request.input_tokens()
        usage = usage_of(read, before + cached_tokens(request.turns()), spoken) if asked.tells_usage else None
        made = response(asked, request, spoken, usage)

        def finish() -> None:
            if request.store is not False:
                self._keep(Kept(made, read + spoken.tokens, spoken.seed, request.turns(), _sealed(request, made, spoken)))

        if request.stream:
            hidden = 0 if request.summarises or request.kind is Kind.OPEN else len(spoken.reasoning)
            return Answer(frames=_frames(events(made, hidden), finish), read=read)
        finish()
        return Answer(_queued(made) if request.background else made, read=read, written=spoken.tokens)

    def fetch(self, asked: Asked) -> Answer:
        """`GET /v1/responses/{id}`; with `?stream=true` its events again. Nothing is generated. Raises `CallerError` 404."""
        found = self._find(asked.names["id"])
        made = _opened(found) if _wants_sealed(asked.query) else found.response
        if asked.query.get("stream") != "true":
            return Answer(made)
        after = asked.query.get("starting_after", "")
        first = int(after) + 1 if after.isdecimal() else 0
        replayed = (event for event in events(made, 0) if event.data["sequence_number"] >= first)
        return Answer(frames=(Frame(sse(event.data, event.kind)) for event in replayed))

    def inputs(self, asked: Asked) -> Answer:
        """`GET /v1/responses/{id}/input_items`. Raises `CallerError` 404."""
        found = self._find(asked.names["id"])
        return Answer(listed(found.response["id"], found.inputs, asked.query, sealed=_wants_sealed(asked.query)))

    def _find(self, name: str) -> Kept:
        if name not in self._known:
            raise CallerError(f"Response with id '{name[:120]}' not found.", status=404, code="response_not_found")
        return self._known[name]

    def _holds(self, item: str) -> bool:
        return any(item in kept.sealed for kept in self._known.values())

    def _keep(self, kept: Kept) -> None:
        self._known[kept.response["id"]] = kept
        while len(self._known) > self._kept:
            self._known.popitem(last=False)


def _frames(told: Iterator[Event], finish: Callable[[], None]) -> Iterator[Frame]:
    """Calls `finish` just before the last event is sent: whoever has seen it can fetch the response."""
    for event in told:
        if event.last:
            finish()
        yield Frame(sse(event.data, event.kind) if event.data else b"", event.tokens)


def _queued(made: dict[str, Any]) -> dict[str, Any]:
    """How a response in the background looks at first."""
    return made | {"status": "queued", "output": [], "usage": None, "incomplete_details": None}


def _sealed(request: ResponseRequest, made: dict[str, Any], spoken: Reply) -> dict[str, str]:
    if request.kind is not Kind.SIGNED:
        return {}
    text, names = "".join(spoken.reasoning), [item["id"] for item in made["output"] if item["type"] == "reasoning"]
    return {name: sealed_content(request, name, text) for name in names}


def _wants_sealed(query: Mapping[str, str]) -> bool:
    return any(name.startswith("include") and value == SEALED for name, value in query.items())


def _opened(kept: Kept) -> dict[str, Any]:
    """The response with the encrypted content that its first request may not have asked for."""
    items = kept.response["output"]
    told = [item | {"encrypted_content": kept.sealed[item["id"]]} if item["id"] in kept.sealed else item for item in items]
    return kept.response | {"output": told}
