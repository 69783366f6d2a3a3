"""What spells an answer, or its prompt, beside the text: log probabilities and token ids."""

from proxy.core.shaping import Plan, Show
from proxy.shaping.distribution import Distribution
from proxy.shaping.edit import NULL, Object, Raw

CHOICE = ("logprobs", "token_ids")
"""Members of a choice that spell its text."""

PROMPT = ("prompt_logprobs", "prompt_token_ids")
"""Members, of a choice or of the whole, that spell the prompt, and with it the reasoning that was put back there."""

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
        if _ALL.isdisjoint(members):
            return False
        changed = self.of_prompt(members)
        for name in CHOICE:
            raw = members.get(name, NULL)
            changed = _set(members, name, NULL if blind else self._distribution.of_choice(raw) if name == "logprobs" else raw) or changed
        return changed

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
    if new is old or old == NULL:
        return False
    members[name] = new
    return True
