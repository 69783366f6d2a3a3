"""The logit guard: what may be asked of single tokens, whatever the score says.

A model's last layer can be read out of its API by three things that few honest requests need: a bias together with log
probabilities, many alternatives at full precision, and a great many short questions, each with biases on other tokens.
So: never both in one request, a cap and a rounding, and a budget of distinct token ids.

Rule 1: what cannot be lowered without changing what was asked for is refused (`forbidden`); what can is lowered (`cap_on`, `decimals`).
Rule 2: a request that uses one of the things alone is never refused for using two.
"""

from dataclasses import dataclass

from proxy.core.facts import Ask, LogitAsk, Operation
from proxy.core.quota import Quota
from proxy.core.shaping import Logprobs, Plan

STEERS = ("logit_bias", "logprob_token_ids", "allowed_token_ids", "stop_token_ids", "bad_words")
"""Parameters that single tokens out, the plainest first: to the guard all are `logit_bias`. `logprob_token_ids` shows any token's
probability, which elsewhere takes a bias; `allowed_token_ids` is a bias against all others, `bad_words` against these, and so is
`stop_token_ids` while `min_tokens` are not reached."""

SHOWS = ("logprobs", "prompt_logprobs", "top_logprobs", "n_probs", "include")
"""Parameters that show log probabilities, the plainest first: to the guard all are `logprobs`."""


@dataclass(frozen=True, slots=True)
class LogitGuard:
    """What the policy's `guards.logit_probing` says."""

    never_together: frozenset[str] = frozenset()
    """Of logit_bias, logprobs, top_logprobs, n: two of these are not used in one request. Alternatives need `logprobs`, so that
    `top_logprobs` and the `logprobs` it comes with are one."""
    top_logprobs: int | None = None
    """Most alternatives shown at a token; None for as many as the upstream gives."""
    decimals: int | None = None
    """Decimal places that returned log probabilities are rounded to; None for as they come."""
    prompt_logprobs: bool = True
    """Are log probabilities of the prompt's own tokens served?"""
    quotas: tuple[Quota, ...] = ()
    """Budgets of distinct biased token ids and of single-token completions, per account and per organization."""
    enforce: bool = True
    """False: in shadow. What would be refused is recorded, and served."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Why a request is refused."""

    message: str
    """A sentence or two for the caller: what is wrong, and what to send instead."""
    param: str
    """The parameter at fault, as the request calls it."""


def forbidden(ask: Ask, guard: LogitGuard) -> Forbidden | None:
    """Why `ask` must be refused, None where it need not be. The same for the same request, in whatever order its parameters stand."""
    logits = ask.logits
    if logits is None:
        return None
    if logits.prompt and not guard.prompt_logprobs:
        param = "prompt_logprobs" if "prompt_logprobs" in logits.extras else "echo"
        return Forbidden("Log probabilities of the prompt are not served here. " + _without(param), param)
    used = _used(logits, guard.never_together)
    if len(used) > 1:
        first, second = used[0], used[1]
        return Forbidden(f"'{first}' and '{second}' cannot be used together here. Send one of them.", first)
    if "logprob_token_ids" in logits.extras and cap_on(ask, guard) is not None:
        message = f"No more than {guard.top_logprobs} log probabilities are shown at a token here. " + _without("logprob_token_ids")
        return Forbidden(message, "logprob_token_ids")
    return None


def cap_on(ask: Ask, guard: LogitGuard) -> int | None:
    """To how many alternatives the request must be lowered; None where it asks for no more than it may."""
    most = guard.top_logprobs
    if ask.logits is None or most is None or 0 <= ask.logits.top_logprobs <= most:
        return None
    return most


def limits(ask: Ask, guard: LogitGuard | None) -> Plan:
    """What a guard lowers of what a request asks for."""
    if guard is not None and ask.operation is Operation.FETCH_RESPONSE:
        return Plan(logprobs=Logprobs(guard.top_logprobs, guard.decimals))  # whatever was asked for when it was made, or is now
    if guard is None or ask.logits is None or not (ask.logits.logprobs or ask.logits.prompt):
        return Plan()
    return Plan(logprobs=Logprobs(cap_on(ask, guard), guard.decimals))


def _used(logits: LogitAsk, named: frozenset[str]) -> list[str]:
    """Which of the things in `named` the request uses, as it calls them: at most one name for each."""
    steers = _first(STEERS, logits, "logit_bias") if logits.biased or "bad_words" in logits.extras else ""
    shows = logits.logprobs or logits.prompt
    top = logits.top_logprobs != 0
    asked = {
        "logit_bias": steers,
        "logprobs": _first(SHOWS, logits, "logprobs") if shows and "logprobs" in named else "",
        "top_logprobs": _first(SHOWS[::-1], logits, "logprobs") if top and "logprobs" not in named else "",
        "n": "n" if logits.answers > 1 else "",
    }
    return [name for thing, name in asked.items() if name and thing in named]


def _first(names: tuple[str, ...], logits: LogitAsk, default: str) -> str:
    """The parameter to name: the first of `names` that the request uses."""
    return next((name for name in names if name in logits.extras), default)


def _without(param: str) -> str:
    return f"Send the request without '{param}'."
