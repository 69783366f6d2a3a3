"""What the answers of OpenAI's two completion dialects share: choices, each shaped by itself, chunk by chunk or whole.

Rule 1: a frame is read with one typed peek; only where something may have to change is it opened. A frame in which nothing
changes is the very same bytes.
Rule 2: a choice's reasoning ends with its first frame that has an answer, a tool call, a refusal or a finish reason, or with the
stream. There, and only there, a frame is put before it: the last reasoning frame's head, and what stands for the text.
Rule 3: a choice with reasoning, under a plan that hides it, tells no log probabilities and no token ids from its first piece of
reasoning on: they spell it. Whole answers: none at all. The prompt's never: it may hold reasoning that was put back. A frame whose
text is held, for it may be the beginning of a tag, tells none either.
Rule 4: nothing of ours follows the chunk that has only the usage: to the official accumulators the last chunk's is the answer's.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Any, ClassVar

import msgspec

from proxy.core.shaping import Plan
from proxy.shaping import frames, halves, notices
from proxy.shaping.answers.choice import VOID, Choice, is_text, reasons, says
from proxy.shaping.answers.parts import is_list
from proxy.shaping.answers.reading import index_of
from proxy.shaping.answers.spelling import Spelling
from proxy.shaping.answers.veils import Way
from proxy.shaping.base import Held, Shaped, ShapingError
from proxy.shaping.binding import Binder
from proxy.shaping.edit import BROKEN, NULL, Object, Raw, closed, maybe_items, maybe_object, maybe_text, opened, written

MOST_CHOICES = 1024


class Seen(msgspec.Struct):
    """A choice, peeked at. Types are loose; what is of no concern is skipped. Dialects add where their text stands."""

    index: Any = 0
    finish_reason: Any = None
    logprobs: Raw = NULL
    token_ids: Raw = NULL
    prompt_logprobs: Raw = NULL
    prompt_token_ids: Raw = NULL

    @property
    def spells(self) -> bool:
        here = (self.logprobs, self.token_ids, self.prompt_logprobs, self.prompt_token_ids)
        return any(value is not NULL and value != NULL for value in here)


class Choices(ABC):
    """One answer. Dialects say where a choice's text and reasoning stand."""

    text: ClassVar[str]
    """The member that holds the answer's text, and may begin with inline reasoning."""

    answers: ClassVar[tuple[str, ...]]
    """Members that say anything but reasoning."""

    snapshot: ClassVar[str | None] = None
    """The member under which a chunk may say a choice once more, whole, as its last does with some providers."""

    def __init__(self, plan: Plan, binder: Binder | None, anchor: str) -> None:
        self._way = Way(plan, binder, anchor)
        self._knobs = plan.knobs
        self._spelling = Spelling(plan)
        self._notice = notices.told(plan.notice) if plan.notice is not None else None
        self._told = False
        self._strict = self._way.binds or self._spelling.active
        self._choices: dict[int, Choice] = {}

    def event(self, frame: bytes) -> Shaped:
        data = frames.data_of(frame) if self._strict or self._notice is not None else b""
        if data.startswith(frames.DONE):
            return (yield from self.close()) + frame
        if not data:
            return frame
        spelled = None
        try:
            concerns = self._concerns(data)
        except BROKEN:
            spelled = halves.spelled(data)
            concerns = True
        chunk = self._opened(spelled or data) if concerns else None
        if chunk is None:
            return frame
        before, changed = yield from self._chunk(chunk, frame)
        if not changed:
            return before + frame
        return before + frames.replaced(frame, _back(written(chunk), spelled))

    def close(self) -> Shaped:
        out = yield from self._ended()
        self._choices.clear()
        return out

    def _ended(self) -> Shaped:
        """What is still owed, of every choice."""
        out = []
        for choice in self._choices.values():
            out.append((yield from self._ending(choice)))
            text = (yield from choice.inline.end()) if choice.inline is not None else ""
            if text:
                out.append(self._frame(choice, {self.text: closed(text)}))
        return b"".join(out)

    def whole(self, body: bytes) -> Shaped:
        answer, spelled = maybe_object(body), None
        if answer is None:
            spelled = halves.spelled(body)
            answer = maybe_object(spelled)
        if answer is None or maybe_items(answer.get("choices")) is None:
            return self._odd(body, answer)
        changed = yield from self._answer(answer)
        return _back(written(answer), spelled) if changed else body

    def _odd(self, body: bytes, answer: Object | None) -> bytes:
        """No answer; an error says so."""
        if self._strict and (answer is None or "error" not in answer):
            raise ShapingError("the answer has no choices")
        return body

    @abstractmethod
    def _seen(self, data: bytes) -> Any:
        """A chunk, peeked at. Raises what msgspec raises."""

    @abstractmethod
    def _touches(self, seen: Any, choice: Choice | None) -> bool:
        """May what a choice says, beside its text, have to be changed? `choice`: what is known of it."""

    @abstractmethod
    def _said(self, choice: Object, *, whole: bool) -> Object | None:
        """The object that holds a choice's text and reasoning, opened; None where there is none."""

    @abstractmethod
    def _put(self, choice: Object, said: Object, *, whole: bool) -> None:
        """Puts it back."""

    @abstractmethod
    def _added(self, members: Object) -> Object:
        """A choice of ours, without its index, that says `members`."""

    @abstractmethod
    def _bind(self, said: Object) -> bool:
        """Makes opaque values tokens; says whether there were any."""

    def _concerns(self, data: bytes) -> bool:
        """May anything have to change? Raises one of `BROKEN` for what is not JSON, or not readable at once."""
        try:
            chunk = self._seen(data)
        except msgspec.ValidationError:
            return True
        if self._spelling.active and any(value is not NULL and value != NULL for value in (chunk.prompt_logprobs, chunk.prompt_token_ids)):
            return True
        choices = chunk.choices or ()
        if not choices and self._way.hides and self._choices:
            return True
        return (self._notice is not None and not self._told and bool(choices)) or any(self._concerned(seen) for seen in choices)

    def _concerned(self, seen: Any) -> bool:
        choice = self._choices.get(seen.index) if type(seen.index) is int else None
        if self._way.hides and (choice is None or choice.busy):
            return True
        return self._touches(seen, choice) or (self._spelling.active and seen.spells)

    def _opened(self, data: bytes) -> Object | None:
        """None for what is no chunk, where that may pass: what is no JSON only under a plan that changes nothing, what is of another
        shape also where nothing is hidden."""
        chunk: Object | None = None
        try:
            chunk = opened(data)
        except BROKEN as error:
            if self._strict and not isinstance(error, msgspec.ValidationError):
                raise ShapingError("an event's data is not valid JSON") from None
        choices = NULL if chunk is None else chunk.get("choices", NULL)
        if (chunk is None or (choices != NULL and maybe_items(choices) is None)) and (self._way.hides or self._spelling.active):
            raise ShapingError("an event is no chunk of an answer")
        return chunk

    def _chunk(self, chunk: Object, frame: bytes) -> Generator[Held, str, tuple[bytes, bool]]:
        """Shapes an opened chunk in place: what goes before it, and whether it changed."""
        found = maybe_items(chunk.get("choices"))
        before, changed = [], self._spelling.of_prompt(chunk)
        if not found and chunk.get("usage", NULL) != NULL:
            before.append((yield from self._ended()))  # rule 4
        for at, raw in enumerate(found or ()):
            each = maybe_object(raw)
            if each is None or found is None:
                continue
            choice = self._choice(each)
            ahead, differs = yield from self._streamed(choice, chunk, each, frame)
            if self.snapshot in each:
                differs = (yield from self._finished(Choice(self._way, self._knobs), each)) or differs
            before.append(ahead)
            if differs:
                found[at] = closed(each)
                changed = True
        if changed and found is not None:
            chunk["choices"] = closed(found)
        return b"".join(before), (bool(found) and self._tell(chunk)) or changed

    def _streamed(self, choice: Choice, chunk: Object, each: Object, frame: bytes) -> Generator[Held, str, tuple[bytes, bool]]:
        said = self._said(each, whole=False)
        if not choice.frame or (said is not None and reasons(said)):
            choice.at(chunk, each, frame)
        finished = says(each, "finish_reason")
        said = {} if said is None else said
        changed = choice.hide(said)
        ends, listed = finished or any(says(said, name) for name in self.answers if name in said), is_list(said.get(self.text, NULL))
        before = (yield from self._ending(choice, listed=listed)) if ends else b""
        changed = (yield from self._words(choice, said, last=ends if listed else finished)) or changed
        changed = self._bind(said) or changed if self._way.binds else changed
        if changed:
            self._put(each, said, whole=False)
        return before, self._spelling.of_choice(each, blind=choice.blind) or changed

    def _answer(self, answer: Object) -> Generator[Held, str, bool]:
        found = maybe_items(answer.get("choices")) or []
        changed = self._spelling.of_prompt(answer)
        for at, raw in enumerate(found):
            each = maybe_object(raw)
            if each is None:
                continue
            choice = Choice(self._way, self._knobs)
            if (yield from self._finished(choice, each)):
                found[at] = closed(each)
                changed = True
        if changed:
            answer["choices"] = closed(found)
        return self._tell(answer) or changed

    def _finished(self, choice: Choice, each: Object) -> Generator[Held, str, bool]:
        said = self._said(each, whole=True)
        changed = False
        if said is not None:
            changed = choice.hide(said, whole=True)
            changed = (yield from choice.fill(said)) or changed
            changed = (yield from self._words(choice, said, last=True)) or changed
            changed = self._bind(said) or changed if self._way.binds else changed
            if changed:
                self._put(each, said, whole=True)
        return self._spelling.of_choice(each, blind=choice.blind) or changed

    def _words(self, choice: Choice, said: Object, *, last: bool) -> Generator[Held, str, bool]:
        """What is shown of them, be they one text or a list of parts."""
        raw = said.get(self.text, NULL)
        if not self._way.hides or not is_list(raw):
            return (yield from self._inline(choice, said, last=last))
        said[self.text] = yield from choice.listed(raw, last=last)
        return said[self.text] is not raw

    def _inline(self, choice: Choice, said: Object, *, last: bool) -> Generator[Held, str, bool]:
        """The text without what is hidden in it. `last`: with what is still owed at its end, where it had none as well."""
        raw = said.get(self.text, NULL)
        begins = choice.inline is not None or bytes(raw) not in VOID  # reasoning may still come, elsewhere
        inline = choice.reads() if self._way.hides and begins and is_text(raw, or_none=last) else None
        if inline is None or inline.settled:
            return False
        text = "" if raw == NULL else maybe_text(raw)
        if text is None:
            raise ShapingError("a text cannot be read")
        shown = yield from inline.feed(text)
        if last:
            shown += yield from inline.end()
        if shown == text:
            return False
        said[self.text] = closed(shown)
        return True

    def _ending(self, choice: Choice, *, listed: bool = False) -> Generator[Held, str, bytes]:
        members = yield from choice.ending(listed=listed)
        return self._frame(choice, members) if members else b""

    def _frame(self, choice: Choice, members: Object) -> bytes:
        chunk: Object = dict(choice.head)
        chunk["choices"] = closed([{**choice.index, **self._added(members)}])
        return frames.inserted(choice.frame, halves.back(written(chunk)))

    def _choice(self, each: Object) -> Choice:
        index = index_of(each)
        found = self._choices.get(index)
        if found is None:
            if len(self._choices) >= MOST_CHOICES:
                raise ShapingError("the answer has too many choices")
            found = self._choices[index] = Choice(self._way, self._knobs)
        return found

    def _tell(self, members: Object) -> bool:
        if self._notice is None or self._told:
            return False
        self._told = True
        notices.tell(members, self._notice)
        return True


def _back(data: bytes, spelled: bytes | None) -> bytes:
    return halves.back(data) if spelled is not None else data
