"""What spells an answer, or its prompt, beside the text: log probabilities and token ids."""

from proxy.core.shaping import Plan, Show
from proxy.shaping.distribution import Distribution
from proxy.shaping.edit import EMPTY, NULL, Object, Raw, closed, maybe_object

CHOICE = ("logprobs", "token_ids")
"""Members of a choice that spell its text."""

PROMPT = ("prompt_logprobs", "prompt_token_ids")
"""Members, of a choice or of the whole, that spell the prompt, and with it the reasoning that was put back there."""

AGAIN, TOKEN = "text", "token_id"
"""Of some chat servers (Together): the choice's member that says the delta's content once more, and the delta's that spells it."""

_ALL = frozenset({*CHOICE, *PROMPT})


class Spelling:
    """One plan's."""

    __slots__ = ("_distribution", "_hides", "active")

    def __init__(self, plan: Plan) -> None:
        self._distribution = Distribution(plan.logprobs)
        self._hides = plan.reasoning.show is not Show.ALL
        self.active = self._hides or self._distribution.active

    def of_choice(self, members: Object, *, blind: bool) -> bool:
        """Changes a choice's members; says whether any was. `blind`: its text was reasoning, or may be."""
        changed = self._hides and AGAIN in members and any(self._again(members, name, blind=blind) for name in ("delta", "message"))
        if _ALL.isdisjoint(members):
            return changed
        changed = self.of_prompt(members) or changed
        for name in CHOICE:
            raw = members.get(name, NULL)
            changed = _set(members, name, NULL if blind else self._distribution.of_choice(raw) if name == "logprobs" else raw) or changed
        return changed

    @staticmethod
    def _again(members: Object, name: str, *, blind: bool) -> bool:
        """No more of the content is said once more than is shown."""
        said = maybe_object(members.get(name))
        if said is None:
            return False
        shown = said.get("content", EMPTY)
        changed = _set(members, AGAIN, shown if bytes(shown).startswith(b'"') else EMPTY)
        if not blind or not _set(said, TOKEN, NULL):
            return changed
        members[name] = closed(said)
        return True

    def of_prompt(self, members: Object) -> bool:
        """The same for what spells the prompt."""
        changed = False
        for name in PROMPT if not _ALL.isdisjoint(members) else ():
            raw = members.get(name, NULL)
            new = NULL if self._hides else self._distribution.prompt(raw) if name == "prompt_logprobs" else raw
            changed = _set(members, name, new) or changed
        return changed


def _set(members: Object, name: str, new: Raw) -> bool:
    old = members.get(name, NULL)
    if old in (new, NULL):
        return False
    members[name] = new
    return True
