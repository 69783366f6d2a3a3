"""The score, the ladder, the guards and what models know, read aloud: one line for each, in the words that callers get to read."""

from collections.abc import Iterator

from proxy.config.aloud_risk import risk
from proxy.config.measures import duration_words
from proxy.config.numbers import printable
from proxy.core.ladder import Rung
from proxy.core.logits import LogitGuard
from proxy.core.policy import Policy
from proxy.core.quota import Scope
from proxy.core.risk import MOST, rarity
from proxy.core.rules import Binding, Ladder
from proxy.core.sanctions.base import Sanction
from proxy.core.shaping import Knobs, Show
from proxy.core.terms import Grace

SHADOW = " (shadow: recorded, not done)"
_HOLDERS = {Scope.KEY: "API key", Scope.ACCOUNT: "account", Scope.ORGANIZATION: "organization"}
_DROPPED = {"drop": "dropped", "pass": "passed on", "refuse": "refused"}
_RESTORED = {
    "sealed": "hidden reasoning is kept sealed in the answer until it comes back",
    "store": "hidden reasoning is kept in the store until it comes back",
    "never": "hidden reasoning is not kept: what comes back without it goes on without it",
}


def rules(policy: Policy) -> Iterator[str]:
    """What follows from an account's standing, and what holds whatever it is."""
    yield from _lists(policy)
    yield from risk(policy)
    yield from _ladder(policy)
    yield from _binding(policy.binding)
    yield from _probing(policy.logit_guard)
    for pattern, knobs in policy.knobs:
        yield f"models {pattern}: {_knobs(knobs)}"
    if any(rule.terms.plan.reasoning.show is Show.REWRITE for rule in policy.ladder.rules.values()):
        within = duration_words(policy.rewrite.seconds)
        yield f"reasoning in other words: {policy.rewrite.tokens} tokens at most, within {within}; else none of it is shown"
    yield "an answer that cannot be shaped as it must be: its stream ends, it is never passed on unshaped"
    if policy.recording.to:
        what = "as they were sent, text and all" if policy.recording.text else "without text"
        yield f"recording: every exchange that is served, {what}, in {printable(policy.recording.to)}"


def _lists(policy: Policy) -> Iterator[str]:
    for accounts, what in ((policy.trusted, "trusted, so that no score moves them"), (policy.watch, "on watch at least")):
        if accounts:
            yield f"{len(accounts)} account{'' if len(accounts) == 1 else 's'} {what}"


def _ladder(policy: Policy) -> Iterator[str]:
    ladder, steps = policy.ladder, policy.ladder.steps
    by_hand = "" if policy.risk.on else "; nobody is scored, so accounts come onto a rung by hand only (stillgate accounts set-rung)"
    yield f"ladder{by_hand}"
    for rung in Rung:
        if rung is not Rung.CLEAR:
            yield from _rung(ladder, rung, scored=policy.risk.on)
    if steps.at:
        yield f"  one rung down when the score was {steps.below:g} below the rung for {duration_words(steps.after)}"
    yield f"  verification keeps an account clear for {duration_words(ladder.clear_for)}, on the same evidence"
    if ladder.pins:
        yield f"  a conversation keeps for {duration_words(ladder.pin)} the shaping it began with"
    else:
        yield "  a new rung bites at once, also within a conversation"


def _rung(ladder: Ladder, rung: Rung, *, scored: bool) -> Iterator[str]:
    rule = ladder.rule(rung)
    reached = _reached(ladder.steps.at.get(rung), scored=scored)
    said = [*sorted({_measure(sanction) for sanction in rule.sanctions}), *_ends(ladder, rung)]
    shadow = _shadow(enforce=rule.enforce or not rule.measures)
    nothing = "it is only looked at" if rung is Rung.WATCH else "nothing is done"
    if len(said) > 1:
        yield f"  {rung.word}, {reached}{shadow}"
        yield from (f"    {line}" for line in said)
    else:
        yield f"  {rung.word}, {reached}: {''.join(said) or nothing}{shadow}"


def _reached(least: float | None, *, scored: bool) -> str:
    """From which score, and what that promises."""
    if least is None:
        return "which this policy leaves out, if set by hand"
    if not scored:
        return f"from score {least:g}"
    return f"from {least:g} points ({rarity(least)} of your honest accounts)" if least <= MOST else f"at {least:g} points (never reached)"


def _measure(sanction: Sanction) -> str:
    """What callers read of it, and what the operator has written beside."""
    terms = sanction.terms()
    reasoning = terms.plan.reasoning
    said = [f'"{printable(" ".join(text.split()))}"' for text in terms.plan.instruct]
    said += [f"{reasoning.keep} token{'' if reasoning.keep == 1 else 's'} of it at most"] if reasoning.show is Show.KEEP else []
    said += [f"by the model {reasoning.via}"] if reasoning.show is Show.REWRITE else []
    said += [_meanwhile(terms.verify)] if terms.verify is not None else []
    return "; ".join((sanction.measure(), *said))


def _meanwhile(grace: Grace) -> str:
    if not grace.seconds:
        return "until then none is served"
    counted = "" if grace.exchanges is None else f", {grace.exchanges} requests, and one more at each worker"
    return f"served meanwhile for {duration_words(grace.seconds)}{counted}"


def _ends(ladder: Ladder, rung: Rung) -> Iterator[str]:
    if rung in ladder.steps.review:
        yield "verification alone does not lift it"
    if rung in ladder.steps.expires:
        yield f"one rung down by itself after {duration_words(ladder.steps.expires[rung])}"


def _binding(binding: Binding) -> Iterator[str]:
    if not binding.on:
        yield f"guard reasoning_binding: off; {_RESTORED[binding.restore]}"
        return
    holder = f"the {_HOLDERS[binding.scope]} it was issued to"
    bound = [holder, *["the conversation"] * binding.conversation, *["the model"] * binding.model]
    lasts = duration_words(binding.lasts)
    yield f"guard reasoning_binding: opaque reasoning is bound to {_and(bound)}, for {lasts}{_shadow(enforce=binding.enforce)}"
    yield f"  foreign blocks are {'refused' if binding.refuse else 'dropped'}"
    yield f"  blocks that were never sealed are {_DROPPED[binding.unsealed]}"
    yield f"  {_RESTORED[binding.restore]}"


def _probing(guard: LogitGuard | None) -> Iterator[str]:
    if guard is None:
        yield "guard logit_probing: off"
        return
    yield f"guard logit_probing{_shadow(enforce=guard.enforce)}"
    if guard.never_together:
        yield f"  a request may use one of {', '.join(sorted(guard.never_together))}"
    if guard.top_logprobs is not None:
        yield f"  at most {guard.top_logprobs} alternatives per token are shown"
    if guard.decimals is not None:
        yield f"  log probabilities are rounded to {guard.decimals} decimals"
    yield f"  log probabilities of the prompt are {'served' if guard.prompt_logprobs else 'not served'}"
    yield from (f"  {quota.words()}" for quota in guard.quotas)


def _knobs(knobs: Knobs) -> str:
    known = ", ".join(sorted(knobs.names)) or "no parameter is ever added"
    opened = ", opened by the model's template" if knobs.preopened else ""
    inline = f"inline reasoning may stand between <{knobs.tag}> and </{knobs.tag}>{opened}" if knobs.tag else "no inline reasoning"
    return f"{known}; {inline}"


def _shadow(*, enforce: bool) -> str:
    return "" if enforce else SHADOW


def _and(parts: list[str]) -> str:
    return " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)
