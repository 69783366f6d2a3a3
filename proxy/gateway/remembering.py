"""What the store is told of a conversation, so that its next turn, on whichever gateway, is treated as this one was.

Three kinds of notes, each with an end: under which rung a conversation began (`p:`), under which rung a response was made and what it
is bound to (`r:`), and reasoning that was hidden and must come back (`h:`, only where the policy keeps it in the store).
"""

import hashlib

from proxy.core.case import Remembered
from proxy.core.facts import Account, Ask, Operation
from proxy.core.ladder import Rung
from proxy.gateway.course import Course
from proxy.gateway.ports import Store
from proxy.shaping.binding import Binder

HIDDEN, PIN, RESPONSE = "h:", "p:", "r:"

RESPONSES = "openai_responses"
"""The dialect whose answers can be fetched later."""

KEPT_FOR = 30 * 86400.0
"""Seconds that a response's note outlives it: as long as the provider keeps the response itself."""


def note_for(ask: Ask, account: Account, opening: str) -> str:
    """Under which name the store remembers what this request goes on from; "" where there is nothing to remember."""
    if ask.follows:
        return response_note(ask.follows)
    return f"{PIN}{account.id}:{opening}" if opening else ""


def response_note(response: str) -> str:
    """An id may be of any length, where a caller made it up."""
    return RESPONSE + hashlib.sha256(response.encode()).hexdigest()[:32]


class Memory:
    """The notes of one exchange."""

    def __init__(self, course: Course, account: Account, binder: Binder, store: Store) -> None:
        self._course = course
        self._account = account
        self._binder = binder
        self._store = store
        self._told = course.dialect.name != RESPONSES or course.ask.operation is not Operation.CHAT
        self.anchor = ""
        self.inside = False
        """Does the answer begin inside of reasoning?"""

    async def seen(self) -> None:
        """Before what was read reaches the caller: it may send a token back, or ask for the response, at once and of another gateway."""
        if self._binder.kept:
            await self._keep()
        if self._told or not (name := self._course.tally.response_id) or not (self._course.policy.ladder.pins or self._matters):
            return
        self._told = True
        course, ladder = self._course, self._course.policy.ladder
        said = Remembered(course.began, self.anchor, self._since(), self._account.id, self._binder.model, self.inside)
        await self._store.remember(self._account, {response_note(name): said.text()}, KEPT_FOR if self._matters else ladder.pin)

    @property
    def _matters(self) -> bool:
        """Will it count for as long as the response can be fetched: how it was shaped, to whom it is bound, or how it must be read?"""
        course = self._course
        return course.began > Rung.CLEAR or course.policy.binding.on or course.policy.peculiar

    def _since(self) -> float:
        """A chain of responses is one conversation: it is pinned from its first one on."""
        course = self._course
        before = Remembered.parse(course.note or "")
        return (
            before.since
            if course.ask.follows and before.holds(self._account, course.arrival.at, course.policy.ladder.pin)
            else course.arrival.at
        )

    async def _keep(self) -> None:
        """Hidden text that tokens name."""
        kept, self._binder.kept = self._binder.kept, {}
        notes = {HIDDEN + name: text.decode() for name, text in kept.items()}
        await self._store.remember(self._account, notes, self._course.policy.binding.lasts)
