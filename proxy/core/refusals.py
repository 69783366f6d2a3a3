"""Refusals in plain words: what happened, what to do next, whom to ask, and the reference under which an operator finds it."""

from dataclasses import dataclass

from proxy.core.enforcement import Fault, Reason
from proxy.core.policy import Policy
from proxy.core.quota import Denial, Unit, amount_words
from proxy.core.windows import moment

WORTH_WAITING = 60.0
"""Seconds. An SDK that retries by itself sleeps through Retry-After; past this we ask it not to."""

LONGEST_WAIT = 120.0
"""Seconds; past it official SDKs differ: some give up at once, some sleep it through twice, some come back after eight seconds."""

USAGE = "recent usage of this account resembles model extraction, that is, copying the model through its API"
"""The reason class of what a score does. What it rests on is the operator's to show, by the reference."""

BY_HAND = "a person at this service decided so"
"""Of what was set by hand."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Why an account is treated as it is, as far as it is told."""

    why: str = USAGE
    until: float | None = None
    """When it ends by itself, epoch seconds; None where it does not."""

    @property
    def ending(self) -> str:
        return "" if self.until is None else f" until {moment(self.until)}"


JITTER = 0.1
"""Largest share by which Retry-After is lengthened, so that refused callers do not all come back at once."""


def ask_whom(policy: Policy, reference: str) -> str:
    """The end of every refusal."""
    contact = f" If this seems wrong, write to {policy.contact}." if policy.contact else ""
    return f"Reference: {reference}.{contact}"


def over_quota(denial: Denial, policy: Policy, reference: str, share: float = 1.0, ground: Ground | None = None) -> Fault:
    """A refusal that names the quota that binds, what is used, and when it frees. `share`: of its plan that the account has now."""
    quota = denial.binding.quota
    if denial.never:
        message = (
            f"This request needs {amount_words(quota.unit, denial.cost)} at once, "
            f"but its limit is {quota.words()}, so it can never be served. "
            f"Send a smaller request or a lower output cap, or ask for a higher limit. " + ask_whom(policy, reference)
        )
        return Fault(Reason.NEVER_FITS, 400, message, reference, retry=False, denial=denial, meters=denial.meters)
    wait = denial.binding.frees_in * (1 + JITTER * _share(reference))
    retry = None if wait <= WORTH_WAITING else False
    message = ask_whom(policy, reference)
    if share < 1:
        message = f"{_slowed(share, ground or Ground())} {message}"
        wait = min(wait, LONGEST_WAIT)
    reason = Reason.SLOWED if share < 1 else Reason.BUDGET if quota.unit is Unit.SPEND else Reason.QUOTA
    return Fault(reason, 429, message, reference, retry_after=wait, retry=retry, denial=denial, meters=denial.meters)


def _slowed(share: float, ground: Ground) -> str:
    """Why an account's limits are smaller than its plan's."""
    return f"For now{ground.ending} your limits are {share:.0%} of your plan's, because {ground.why}."


def blocked(policy: Policy, reference: str, ground: Ground) -> Fault:
    """Nothing is served, and no use in trying again."""
    message = (
        f"This account is blocked{ground.ending}, because {ground.why}. Nothing was charged. "
        "A person can look at it again, if you ask and give the reference. "
    )
    return Fault(Reason.BLOCKED, 403, message + ask_whom(policy, reference), reference, retry=False)


def must_verify(policy: Policy, reference: str, link: str, ground: Ground, *, bearer: bool) -> Fault:
    """403 to API keys; 401 with RFC 9470's challenge to OAuth bearers. The address stands in the message: that is what an SDK shows."""
    where = f"Open {link} to do so; the next request is then served, without a restart. " if link else ""
    message = (
        f"The owner of this account must verify who they are before more requests are served, because {ground.why}. "
        f"{where}Nothing was charged. {ask_whom(policy, reference)}"
    )
    headers: tuple[tuple[str, str], ...] = (("Link", f'<{link}>; rel="help"'),) if link else ()
    if bearer:
        challenge = 'Bearer error="insufficient_user_authentication", error_description="The owner of this account must verify"'
        headers += (("WWW-Authenticate", challenge),)
    return Fault(Reason.VERIFY, 401 if bearer else 403, message, reference, retry=False, headers=headers)


def guarded(sentence: str, param: str, policy: Policy, reference: str) -> Fault:
    """A request that asks for what the policy's guards never give."""
    message = f"{sentence} This is so for every account, and says nothing about yours. {ask_whom(policy, reference)}"
    return Fault(Reason.GUARD, 400, message, reference, param=param, retry=False)


def foreign(policy: Policy, reference: str) -> Fault:
    """The request brings reasoning that was not issued to its account in this conversation."""
    message = (
        "This request contains reasoning blocks that were not issued to your account in this conversation, or were changed. "
        "Send back the blocks of each answer as they came, or leave them out. " + ask_whom(policy, reference)
    )
    return Fault(Reason.FOREIGN, 400, message, reference, retry=False)


def not_yours(param: str | None, policy: Policy, reference: str) -> Fault:
    """A response's id that was not given to this account's organization."""
    message = "There is no response with this id: none was made for your organization, or it was too long ago. "
    return Fault(Reason.NOT_FOUND, 400 if param else 404, message + ask_whom(policy, reference), reference, param=param, retry=False)


def side_door(policy: Policy, reference: str, ground: Ground) -> Fault:
    """An opened route whose answers cannot be shaped, for an account whose answers must be."""
    message = (
        f"This route is not served to your account for now{ground.ending}, because {ground.why}. Other routes are served. "
        + ask_whom(policy, reference)
    )
    return Fault(Reason.BLOCKED, 403, message, reference, retry=False)


def unshapeable(policy: Policy, reference: str) -> Fault:
    """The answer could not be changed as it must be; `failure.shaping_error`."""
    message = "This answer could not be prepared for your account and was not sent. Please try again. "
    return Fault(Reason.SHAPING, 502, message + ask_whom(policy, reference), reference)


def store_lost(policy: Policy, reference: str) -> Fault:
    """The store does not answer and the policy no longer lets the gateway serve alone."""
    message = (
        "The service that checks keys and counts usage does not answer, so this request was not served and cost nothing. "
        "Please try again in a few seconds. " + ask_whom(policy, reference)
    )
    return Fault(Reason.STORE_LOST, 503, message, reference, retry_after=5.0)


def upstream_full(policy: Policy, reference: str) -> Fault:
    """The upstream's capacity is taken and the wait for a place was too long."""
    message = "All capacity is in use right now; this request was not served and cost nothing. Please try again. "
    return Fault(Reason.CAPACITY, 503, message + ask_whom(policy, reference), reference, retry_after=2.0)


def _share(reference: str) -> float:
    """A number in 0–1 from the request's own id: jitter without chance."""
    return sum(reference.encode()) % 97 / 96
