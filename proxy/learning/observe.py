"""From a finished exchange to what is kept of it.

Rule 1: `traits` reads what the request's conversation says, and keeps hashes of it only; the text may then be let go.
Rule 2: nothing that stands in an observation is longer than it may be, whatever the request.
"""

from dataclasses import dataclass
from ipaddress import IPv6Address

from proxy.core.facts import Account, Ask, Outcome
from proxy.dialects import conversation
from proxy.dialects.conversation import Conversation
from proxy.learning.observation import Bias, Observation
from proxy.learning.sketch import Keyed, grams

LONGEST = 64
"""Bytes of a tier's, a programme's or an exchange's name."""

LONGEST_MODEL = 128

NETWORK = 8
"""Bytes of an IPv6 address that say whose it is."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end, as far as it shows."""

    address: str
    """"" where it says nothing: a unix socket's."""
    user_agent: str = ""
    tls: str = ""
    """Fingerprint, where a front that is trusted passes one."""
    headers: str = ""
    """Names of the header fields in their order, or a hash of that."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a request shows of its conversation, without its text: fields of `Observation`."""

    opening: bool = False
    sketch: tuple[int, ...] = ()
    conversation: int = 0
    turns: int = 0
    instructions: int = 0
    toolkit: int = 0
    parameters: int = 0
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """What else is known of an exchange when it has ended."""

    at: float
    """When its request came, epoch seconds."""
    request: str
    account: Account
    dialect: str
    ask: Ask
    client: Client
    outcome: Outcome
    foreign: int = 0
    """Reasoning blocks that were issued to somebody else."""


def observe(  # noqa: PLR0913, PLR0917  # all that is known of an exchange
    dialect: str, body: bytes, ask: Ask, account: Account, client: Client, outcome: Outcome, at: float, request: str, key: Keyed,
    foreign: int = 0,
) -> Observation:  # fmt: skip
    """At once, where the body is still there."""
    shown = traits(conversation.read(dialect, body), ask, key)
    return observation(shown, Finished(at, request, account, dialect, ask, client, outcome, foreign), key)


def traits(said: Conversation, ask: Ask, key: Keyed) -> Traits:
    """What is resent as history teaches nothing new: only an opening is sketched."""
    raw = said.begins.encode("utf-8", "surrogatepass")
    return Traits(
        said.opening, grams(raw, key) if said.opening else (), key.hash("conversation", raw), said.turns,
        key.hash("instructions", said.instructions), key.hash("toolkit", said.toolkit),
        key.hash("parameters", b"%d\0%d\0%b" % (ask.output_cap or 0, ask.choices, said.parameters)), said.forced,
    )  # fmt: skip


def observation(shown: Traits, finished: Finished, key: Keyed) -> Observation:
    """What is kept of an exchange."""
    account, ask, client, usage = finished.account, finished.ask, finished.client, finished.outcome.usage
    software = "\0".join((client.user_agent, client.tls, client.headers))
    logits = ask.logits
    return Observation(
        finished.at, _cut(finished.request), account.id, account.organization, _cut(account.tier), account.verified,
        _cut(account.programme), account.created, key.hash("payment", account.payment), key.hash("address", network(client.address)),
        key.hash("software", software if len(software) > 2 else ""), finished.dialect,  # noqa: PLR2004  # two bare separators
        _cut(ask.model or finished.outcome.response_model, LONGEST_MODEL), finished.outcome.status, shown.opening, shown.sketch,
        shown.conversation, shown.turns, shown.instructions, shown.toolkit, shown.parameters, shown.forced, ask.output_cap or 0,
        usage.input, usage.output, usage.reasoning, _bias(logits.biased) if logits is not None else None,
        logits is not None and logits.logprobs, finished.foreign,
    )  # fmt: skip


def network(address: str) -> str | bytes:
    """An IPv4 address, however it is written; an IPv6 address' /64, which one customer has whole."""
    if ":" not in address:
        return address
    try:
        found = IPv6Address(address)
    except ValueError:
        return address
    return str(found.ipv4_mapped) if found.ipv4_mapped is not None else found.packed[:NETWORK]


def _bias(ids: tuple[int, ...]) -> Bias | None:
    """Of ids in order."""
    return Bias(ids[0], ids[min(1, len(ids) - 1)], len(ids)) if ids else None


def _cut(name: str, most: int = LONGEST) -> str:
    """So many bytes of it; halves of signs, which cannot be written, are replaced."""
    if len(name) <= most and name.isascii():
        return name
    return name.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
