"""One choice of an answer: its reasoning, wherever it stands, and what a frame of ours for it begins with."""

from collections.abc import Generator

from proxy.core.shaping import Knobs
from proxy.shaping import notices
from proxy.shaping.answers import details, parts
from proxy.shaping.answers.details import Details
from proxy.shaping.answers.inline import Inline
from proxy.shaping.answers.parts import Parts
from proxy.shaping.answers.veils import BETWEEN, Veil, Way
from proxy.shaping.base import Held, ShapingError
from proxy.shaping.edit import EMPTY, NULL, Object, Raw, closed, maybe_text

FIELDS = ("reasoning_content", "reasoning")
"""Reasoning as text. vLLM sends both for compatibility."""

NOTHING = (NULL, EMPTY)

VOID = frozenset({b"null", b'""', b"[]"})
"""Members with which nothing is said, as bytes."""

TWICE = ("thinking_blocks", "provider_specific_fields")
"""LiteLLM's: the same reasoning once more."""

NOT_OURS = frozenset({"choices", "prompt_logprobs", "prompt_token_ids", notices.MEMBER})
"""Members of a chunk that a frame cloned from it does not have."""


class Choice:
    """What is known of it so far."""

    __slots__ = ("_chunk", "_details", "_each", "_fielded", "_inline", "_knobs", "_met", "_open", "_parts", "_veils", "_way", "frame")

    def __init__(self, way: Way, knobs: Knobs) -> None:
        self._way = way
        self._knobs = knobs
        self._veils: dict[str, Veil] = {}
        self._details = Details(way)
        self._parts: Parts | None = None
        self._inline: Inline | None = None
        self._open = False
        """Is there reasoning that something must stand for, once it ends?"""
        self._met = False
        self._fielded = False
        self._chunk: Object = {}
        self._each: Object = {}
        self.frame = b""

    @property
    def busy(self) -> bool:
        """May its next words have to change, or something be put before them?"""
        if self._open or (self._parts is not None and self._parts.owes):
            return True
        return bool(self._knobs.tag) and (self._inline is None or not self._inline.settled)

    @property
    def blind(self) -> bool:
        """Must it not be spelled in any other way? It is not while it may turn out to be reasoning, either."""
        if self._inline is None:
            return self._parted or self._met or (self._way.hides and self._knobs.preopened and bool(self._knobs.tag))
        return self._parted or self._met or self._inline.met or self._inline.undecided or self._inline.inside

    @property
    def inline(self) -> Inline | None:
        return self._inline

    def reads(self) -> Inline | None:
        """The reader of its text, None where the model writes no reasoning there."""
        if self._inline is None and self._knobs.tag:
            self._inline = Inline(self._way, self._knobs.tag, preopened=self._knobs.preopened and not self._parted)
        return self._inline

    @property
    def _parted(self) -> bool:
        """Does the upstream part reasoning from the answer itself? Then no template's tag is open in the answer."""
        return self._fielded or (self._parts is not None and self._parts.met)

    def at(self, chunk: Object, each: Object, frame: bytes) -> None:
        """Its last frame with reasoning; its first, until there is one."""
        self._chunk, self._each, self.frame = chunk, each, frame

    @property
    def head(self) -> Object:
        """What a frame of ours begins with."""
        head = {name: value for name, value in self._chunk.items() if name not in NOT_OURS}
        if "usage" in head:
            head["usage"] = NULL
        return head

    @property
    def index(self) -> Object:
        return {"index": self._each["index"]} if "index" in self._each else {}

    def hide(self, said: Object, *, whole: bool = False) -> bool:
        """Takes out of `said`, the object that holds its words, what is not shown; says whether anything was."""
        if not self._way.hides:
            return False
        changed = [self._hidden(said, name) for name in FIELDS if said.get(name, NULL) != NULL]
        raw = said.get(details.MEMBER, NULL)
        if raw != NULL:
            said[details.MEMBER], met = self._details.hide(raw, whole=whole)
            self._note(met=met)
            changed.append(said[details.MEMBER] is not raw)
        for name in TWICE:
            if said.get(name, NULL) != NULL:
                said[name] = NULL
                changed.append(True)
        return any(changed)

    def listed(self, raw: Raw, *, last: bool) -> Generator[Held, str, Raw]:
        """A content that is a list of parts, as it is shown."""
        if self._parts is None:
            self._parts = Parts(self._way)
        return (yield from self._parts.hide(raw, last=last))

    def ending(self, *, listed: bool = False) -> Generator[Held, str, Object]:
        """Its reasoning ends: the members that stand for what was hidden of it, as a delta of ours says them. `listed`: parts end with
        the list that is still to come."""
        members: Object = {}
        if self._parts is not None and not listed and (content := (yield from self._parts.ending())) is not None:
            members["content"] = content
        if not self._open:
            return members
        texts = yield from self._ended()
        members |= {name: closed(text) for name, text in texts.items()}
        entries = yield from self._details.ending()
        if entries:
            members[details.MEMBER] = self._details.added(entries)
        return members

    def fill(self, said: Object) -> Generator[Held, str, bool]:
        """The same for a whole answer: put at the ends of its own."""
        if not self._open:
            return False
        texts = yield from self._ended()
        for name, text in texts.items():
            said[name] = closed((maybe_text(said[name]) or "") + text)
        entries = yield from self._details.ending()
        if entries:
            said[details.MEMBER] = self._details.filled(said[details.MEMBER], entries)
        return bool(texts or entries)

    def _ended(self) -> Generator[Held, str, dict[str, str]]:
        self._open = False
        hidden = {name: veil.text for name, veil in self._veils.items() if veil.changed and veil.text}
        token = self._way.token(hidden)
        rewritten: dict[str, str] = {}
        texts = {}
        for name, text in hidden.items():
            if text not in rewritten:
                rewritten[text] = yield from self._way.rewritten(text)
            veil = self._veils[name]
            between = BETWEEN if veil.sealed and token else ""
            veil.renew()
            if shown := between + rewritten[text] + token:
                texts[name] = shown
        return texts

    def _hidden(self, said: Object, name: str) -> bool:
        text = maybe_text(said[name])
        if text is None:
            raise ShapingError("reasoning cannot be read")
        if not text:
            return False
        self._fielded = True
        self._note(met=True)
        veil = self._veils.get(name)
        if veil is None:
            veil = self._veils[name] = Veil(self._way, self._way.limit())
        shown = veil.show(text)
        if shown == text:
            return False
        said[name] = closed(shown)
        return True

    def _note(self, *, met: bool) -> None:
        self._met = self._met or met
        self._open = self._open or (met and (self._way.restores or self._way.rewrites))


def reasons(said: Object) -> bool:
    """Does it say any reasoning of its own?"""
    return parts.any_thinks(said.get("content", NULL)) or any(said.get(name, NULL) not in NOTHING for name in (*FIELDS, details.MEMBER))


def says(members: Object, name: str) -> bool:
    """Is there anything? Some send an empty text where nothing is meant; and parts that are reasoning are none."""
    raw = members.get(name, NULL)
    return bytes(raw) not in VOID and (name != "content" or not parts.is_list(raw) or parts.any_answers(raw))


def is_text(raw: Raw, *, or_none: bool) -> bool:
    value = bytes(raw)
    return value.startswith(b'"') or (or_none and value == b"null")
