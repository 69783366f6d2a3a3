"""What the ladder, the guards and the models table must be to each other, and what of them is probably not meant."""

from collections.abc import Iterator
from itertools import pairwise

from proxy.config.build_rules import budgets
from proxy.config.model import PolicyFile
from proxy.config.model_ladder import AnyStep
from proxy.config.model_shaping import NO_TAG
from proxy.config.problems import Keys
from proxy.core.quota import Scope
from proxy.core.rules import Rule
from proxy.core.shaping import NO_LOGPROBS, Show
from proxy.core.terms import Terms

Finding = tuple[Keys, str]
"""Where, and what."""

SHOWS_LESS = frozenset({"display", "summary"})
"""Knobs by which a provider is asked for a summary in place of its reasoning."""

REASONS_LESS = frozenset({"reasoning_effort", "effort", "exclude", "include_thoughts"})
"""Knobs by which a model is asked to reason less."""

DOES_NOT_REASON = REASONS_LESS | {"budget", "enable_thinking", "thinking_type"}
"""Knobs by which a model is asked not to reason at all."""

CAPS = frozenset({"max_completion_tokens", "max_tokens", "max_output_tokens"})
"""Knobs by which an answer is kept short."""


def problems(file: PolicyFile) -> Iterator[Finding]:
    """All that stops this policy."""
    yield from _rising(file)
    for name, step in file.ladder.steps().items():
        yield from _twice(name, step)
    watch = file.ladder.watch
    if watch and watch.quiet and watch.chosen:
        yield ("ladder", "watch", "quiet"), "a quiet rung has no sanctions: what is done to requests is always told to the caller"
    for pattern, part in file.models.items():
        if part.preopened and part.inline == NO_TAG:
            yield ("models", pattern, "preopened"), "contradicts inline: none; say which tag the model's template opens"
    yield from _budgets(file)


def _rising(file: PolicyFile) -> Iterator[Finding]:
    for (lower, below), (higher, above) in pairwise(file.ladder.steps().items()):
        if below.at >= above.at:
            yield ("ladder", higher, "at"), f"'{higher}' must be reached later than '{lower}': {above.at:g} is not above {below.at:g}"


def _twice(name: str, step: AnyStep) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, sanction in enumerate(step.chosen):
        if sanction.name in seen:
            yield ("ladder", name, "sanctions", index), f"'{sanction.name}' stands on this rung twice; keep one"
        seen.add(sanction.name)


def _budgets(file: PolicyFile) -> Iterator[Finding]:
    first: set[tuple[Scope, str]] = set()
    for path, quota in budgets(file.guards):
        if (quota.scope, quota.field) in first:
            yield path, f"two limits of {quota.unit.value} over the same window ({quota.window.name}); keep one"
        first.add((quota.scope, quota.field))


def notes(file: PolicyFile) -> Iterator[str]:
    """What is probably not meant."""
    for name, step in file.ladder.steps().items():
        yield from (f"ladder.{name}: {said}" for said in (*_step(name, step), *_terms(file, Rule(step.chosen).terms)))
    asks = any(sanction.name == "verify" for step in file.ladder.steps().values() for sanction in step.chosen)
    if asks and "contact" not in file.model_fields_set:
        yield "contact: missing; who is asked to verify is told of nobody to write to if that fails"
    yield from _down(file)
    yield from _left_behind(file)
    yield from (f"guards.reasoning_binding: {said}" for said in _binding(file))
    yield from (f"guards.logit_probing: {said}" for said in _probing(file))


def _step(name: str, step: AnyStep) -> Iterator[str]:
    """Of one rung by itself."""
    names = {sanction.name for sanction in step.chosen}
    if name == "watch" and names:
        yield "this rung is for looking at an account; what is done here is done, and told to the caller"
    if name != "watch" and not names:
        yield "nothing is done on this rung"
    if "block" in names and len(names) > 1:
        yield f"block serves nothing, so that {', '.join(sorted(names - {'block'}))} never matters"
    if "verify" in names and step.review:
        yield "the owner is asked to verify, but with 'review: required' verification alone lifts nothing"
    if step.at == 0:
        yield "at: 0 is reached by every account that has a score at all"
    for sanction in step.chosen:
        if sanction.terms() == Terms():
            yield f"{sanction.name} does nothing as it stands here"


def _terms(file: PolicyFile, terms: Terms) -> Iterator[str]:
    """Of what a rung's sanctions demand together, beside the models table and the guards."""
    known = frozenset(knob for part in file.models.values() for knob in part.knobs)
    reasoning = terms.plan.reasoning
    if reasoning.show is Show.KEEP:
        yield (
            f"reasoning: keep {reasoning.keep} tokens takes little from a student: half a trace keeps nine tenths of its training value "
            "(arXiv 2512.21002); omit takes all"
        )
    if reasoning.show is Show.SUMMARY and not known & SHOWS_LESS:
        yield "reasoning: summary; no entry of 'models' knows 'display' or 'summary', so nothing is shown in place of the reasoning"
    if reasoning.effort and not known & (DOES_NOT_REASON if reasoning.effort == "none" else REASONS_LESS):
        yield f"reasoning: effort {reasoning.effort}; no entry of 'models' knows how, so only what callers ask for themselves is lowered"
    if terms.plan.output_cap is not None and not known & CAPS:
        yield "cap_output: no entry of 'models' knows a cap, so only the caps that callers send themselves are lowered"
    if _guarded(file, terms):
        yield "logprobs: guards.logit_probing shows no more of them to anybody"


def _guarded(file: PolicyFile, terms: Terms) -> bool:
    """Does the guard hold everybody to what this rung says of log probabilities?"""
    guard, wanted = file.guards.logit_probing, terms.plan.logprobs
    if guard is None or guard.mode != "enforce" or (wanted.most is None and wanted.decimals is None) or wanted.most == NO_LOGPROBS:
        return False
    most = wanted.most is None or (guard.top_logprobs is not None and guard.top_logprobs <= wanted.most)
    return most and (wanted.decimals is None or (guard.round is not None and guard.round <= wanted.decimals))


def _down(file: PolicyFile) -> Iterator[str]:
    steps = file.ladder.steps()
    for name, step in steps.items():
        if step.at < file.ladder.step_down.below:
            yield f"ladder.{name}: no score is {file.ladder.step_down.below:g} below {step.at:g}, so an account never comes down from here"


def _left_behind(file: PolicyFile) -> Iterator[str]:
    """A rung does only what stands on it: what an account is rid of by climbing is probably not meant."""
    for (lower, below), (higher, above) in pairwise(file.ladder.steps().items()):
        here = {sanction.name for sanction in above.chosen}
        gone = [sanction.name for sanction in below.chosen if sanction.name not in here]
        if gone and here and "block" not in here:
            yield f"ladder.{higher}: does nothing of {', '.join(sorted(gone))}, which '{lower}' does; a rung does only what stands on it"


def _binding(file: PolicyFile) -> Iterator[str]:
    bound = file.guards.reasoning_binding
    if bound is None:
        return
    if bound.scope == "key" and "keys" not in file.identity.from_:
        yield "scope: key tells nobody apart, for 'keys' is not an identity source"
    if bound.mode == "off" and (bound.foreign == "refuse" or bound.unsealed == "refuse"):
        yield "mode: off refuses nothing, whatever 'foreign' and 'unsealed' say"
    if bound.restore == "never":
        yield "restore: never; providers that want hidden reasoning back in a tool turn will refuse it"


def _probing(file: PolicyFile) -> Iterator[str]:
    guard = file.guards.logit_probing
    if guard is None:
        return
    named = set(guard.never_together)
    if named and (len(named) == 1 or named == {"logprobs", "top_logprobs"}):
        yield "never_together refuses nothing: at least two different things are needed, and top_logprobs is a part of logprobs"
    if guard.top_logprobs == 0 and "top_logprobs" in named:
        yield "never_together: top_logprobs is capped to none anyway"
    if not named and guard.top_logprobs is None and guard.round is None and guard.prompt_logprobs and not list(budgets(file.guards)):
        yield "bounds nothing"
