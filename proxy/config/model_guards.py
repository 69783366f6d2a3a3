"""`guards`: what holds whatever the score says."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from proxy.config.fields import BiasedLimits, Duration, Mode, SingleLimits, Strict, listed

Flag = Annotated[bool, Field(strict=True)]
Asked = Literal["logit_bias", "logprobs", "top_logprobs", "n"]


class ReasoningBinding(Strict):
    """Opaque reasoning (signatures, encrypted content) is bound to whom it was issued to."""

    scope: Literal["key", "account", "organization"] = "organization"
    """Who may send a block back."""
    conversation: Flag = True
    """true: only behind what it answered."""
    model: Flag = True
    """true: only to the model that made it."""
    foreign: Literal["drop", "refuse"] = "drop"
    """What becomes of a block that belongs to somebody else, elsewhere or to another model, or is expired."""
    unsealed: Literal["drop", "pass", "refuse"] = "drop"
    """What becomes of a block that never was sealed here, such as those of conversations that began before."""
    lasts: Duration = 2592000.0
    """A block expires after so long."""
    restore: Literal["sealed", "store", "never"] = "sealed"
    """Where reasoning that was hidden stays until it comes back: sealed in the answer, in the store, or nowhere."""
    mode: Literal["enforce", "shadow", "off"] = "enforce"
    """shadow: found and recorded, not dropped. off: nothing is bound; what was hidden still finds its way back."""


class Budgets(Strict):
    """How much may be asked about single tokens."""

    biased_tokens: BiasedLimits = ()
    """Distinct token ids in logit_bias: 2k/day."""
    single_token: SingleLimits = ()
    """Answers of a token or two at most: 5k/day."""


class PerOrganization(Strict):
    """Budgets that are added up over more than one account."""

    organization: Budgets = Budgets()
    """Of an organization's accounts together."""


class LogitProbing(Budgets):
    """Bounds on what reveals the model's distribution, and with it its weights."""

    never_together: Annotated[tuple[Asked, ...], BeforeValidator(listed, json_schema_input_type=Asked | list[Asked])] = ()
    """Of these a request may use one."""
    top_logprobs: Annotated[int, Field(strict=True, ge=0, le=20)] | None = None
    """Most alternatives shown per token."""
    round: Annotated[int, Field(strict=True, ge=0, le=10)] | None = None
    """Decimals to which log probabilities are rounded."""
    prompt_logprobs: Flag = False
    """Are log probabilities of the prompt's own tokens served?"""
    per: PerOrganization = PerOrganization()
    mode: Mode = "enforce"


class GuardsPart(Strict):
    """What holds whatever the score says."""

    reasoning_binding: ReasoningBinding | None = None
    logit_probing: LogitProbing | None = None
