"""Output caps. `Plan.output_cap` is for all choices together; the parameters are for each.

Where there are more choices than tokens, there must be fewer choices: a cap below one cannot be asked for.
"""

from collections.abc import Sequence

from proxy.core.shaping import Plan
from proxy.shaping.edit import Object, closed
from proxy.shaping.requests.members import lower_to_one, number, there


def each(found: Object, most: int, prompts: int = 1) -> int:
    """Tokens for each choice, at least one; choices that could not have one are taken out."""
    for name in ("n", "best_of"):
        if prompts * (number(found, name) or 1) > most:
            fewer(found, name, most // prompts)
    choices = prompts * max(1, number(found, "n") or 1, number(found, "best_of") or 1)
    return max(1, most // choices)


def fewer(found: Object, name: str, most: int) -> None:
    """At most `most` choices, at least one."""
    if most > 1:
        found[name] = closed(min(most, number(found, name) or 1))
    else:
        lower_to_one(found, name)


def cap(found: Object, names: Sequence[str], most: int, plan: Plan) -> None:
    """Lowers every cap that is there; else adds the first that the model knows."""
    asked = [name for name in names if there(found, name)]
    for name in asked:
        if (number(found, name) or 0) > most:
            found[name] = closed(most)
    known = [name for name in names if name in plan.knobs.names]
    if not asked and known:
        found[known[0]] = closed(most)
