"""What has become of one exchange so far. Written by the steps of its line, read when it is settled."""

from dataclasses import dataclass, field

from proxy.core.claims import Squeeze
from proxy.core.facts import Account, Ask, Ending, Operation, Usage
from proxy.core.ladder import Rung
from proxy.core.policy import Policy
from proxy.core.quota import Claim
from proxy.dialects.base import Dialect, Headers, Tally
from proxy.gateway.ports import Arrival, Caller, Trace
from proxy.gateway.reading import Reading
from proxy.learning.observe import Traits


@dataclass(slots=True)
class Course:
    """One exchange's state; `policy` is the one that it began with."""

    arrival: Arrival
    caller: Caller
    policy: Policy
    trace: Trace
    dialect: Dialect
    account: Account | None = None
    ask: Ask = field(default_factory=lambda: Ask(Operation.TUNNEL))
    reading: Reading = field(default_factory=lambda: Reading(Ask(Operation.TUNNEL)))
    expected: Usage = field(default_factory=Usage)
    tally: Tally = field(default_factory=Tally)
    claims: tuple[Claim, ...] = ()
    squeeze: Squeeze = field(default_factory=Squeeze)
    """What the account's standing took of its quotas when they were claimed."""
    note: str | None = None
    """What the store remembers of the conversation, or of the response that is fetched: its rung, and what it is bound to."""
    began: Rung = Rung.CLEAR
    """The rung under whose shaping the conversation stands."""
    granted: bool = False
    placed: bool = False
    """Does it hold a place at the upstream?"""
    own: Headers = ()
    """Header fields of ours that every answer of this exchange carries."""
    status: int = 0
    sent: bool = False
    """Has the upstream got a byte of it, perhaps?"""
    ending: Ending = Ending.FAILED
    """Until something else is known: what nobody foresaw is our fault."""
    first_byte_at: float | None = None
    traits: Traits | None = None
    """What its request shows, as hashes; None where nothing is learned from it."""
    foreign: int = 0
    """Reasoning blocks of the request that were issued to somebody else."""
    recorded: bytes = b""
    """The request as it was sent, where the policy has that recorded."""
