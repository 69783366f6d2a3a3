"""Who asks, and through what: accounts' facts, addresses, software and payments. Partly shared by honest strangers, partly by campaigns.

Ids are drawn, not counted, so that nothing of a label shows in them.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from bench.campaigns.clocks import DAY

AGENTS = (
    "OpenAI/Python 3.54.0",
    "Anthropic/Python 2.12.0",
    "OpenAI/JS 5.20.1",
    "Anthropic/JS 1.9.0",
    "python-requests/2.34.0",
    "ai-sdk/6.1.0 node/22",
    "LangChain/1.4.2",
    "litellm/1.92.0",
    "OpenAI/Python 3.41.0",
    "node-fetch/3.3.2",
    "Go-http-client/2.0",
    "okhttp/5.3.0",
    "curl/8.17.0",
)
"""Most used first; the n-th is used 1/n as often."""

CLOUDS = 12
"""Cloud providers, whose few ways out to the net are shared by strangers."""

WAYS_OUT = 60
"""Addresses of each."""


@dataclass(frozen=True, slots=True)
class Software:
    user_agent: str
    tls: str
    headers: str


@dataclass(frozen=True, slots=True)
class Person:
    """An account with its facts, and how it comes."""

    account: str
    created: float
    tier: str
    organization: str
    payment: str | None
    verified: bool
    program: str | None
    addresses: tuple[tuple[str, int], ...]
    """Address and autonomous system, the usual one first."""
    software: Software
    dialect: str
    stays: float = 0.85
    """Share of exchanges from the usual address."""

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "created": self.created,
            "tier": self.tier,
            "organization": self.organization,
            "payment": self.payment,
            "verified": self.verified,
            "program": self.program,
        }

    def client(self, rng: Random) -> dict[str, Any]:
        """Of one conversation."""
        address, network = self.addresses[0] if rng.random() < self.stays else rng.choice(self.addresses)
        software = self.software
        return {"address": address, "asn": network, "user_agent": software.user_agent, "tls": software.tls, "headers": software.headers}


@dataclass(slots=True)
class Town:
    """What the people of a world share."""

    start: float
    _rng: Random
    _payments: list[str] = field(default_factory=list)
    _software: tuple[Software, ...] = ()

    def __post_init__(self) -> None:
        self._software = tuple(_software(self._rng, agent) for agent in AGENTS)

    def person(self, rng: Random, **told: Any) -> Person:
        """A stranger; `told` overrules what is drawn."""
        facts: dict[str, Any] = {
            "account": f"acct_{rng.getrandbits(40):010x}",
            "created": round(self.start - rng.lognormvariate(5.0, 1.2) * DAY, 1),
            "tier": rng.choices(("free", "build", "scale", "enterprise"), (28, 48, 20, 4))[0],
            "organization": f"org_{rng.getrandbits(32):08x}",
            "payment": self.payment(rng),
            "verified": False,
            "program": rng.choices((None, "education", "startup", "research"), (92, 3, 4, 1))[0],
            "addresses": self.addresses(rng),
            "software": self.software(rng),
            "dialect": rng.choices(("openai_chat", "anthropic_messages", "openai_responses"), (40, 38, 22))[0],
            "stays": rng.choice((0.6, 0.85, 1.0)),
        }
        facts["verified"] = facts["tier"] == "enterprise" and rng.random() < 0.5
        return Person(**facts | told)

    def payment(self, rng: Random) -> str | None:
        """Own, mostly; some strangers pay with one card of an agency, a family or a reseller of cards; some do not pay."""
        lot = rng.random()
        if lot < 0.12:
            return None
        if lot < 0.2 and self._payments:
            return rng.choice(self._payments[-40:])
        own = f"pay_{rng.getrandbits(32):08x}"
        self._payments.append(own)
        return own

    def software(self, rng: Random) -> Software:
        if rng.random() < 0.15:
            return _software(rng, f"{rng.choice(AGENTS).partition('/')[0]}/{rng.randint(0, 9)}.{rng.randint(0, 40)}.{rng.randint(0, 9)}")
        return rng.choices(self._software, [1 / (n + 1) for n in range(len(self._software))])[0]

    def addresses(self, rng: Random, cloud: float = 0.4) -> tuple[tuple[str, int], ...]:
        """One to three; `cloud`: how likely each is a cloud's."""
        return tuple(self.cloud(rng) if rng.random() < cloud else own_address(rng) for _ in range(rng.choice((1, 1, 2, 3))))

    def cloud(self, rng: Random) -> tuple[str, int]:
        """One of a cloud's ways out."""
        which = rng.randrange(CLOUDS)
        return f"198.18.{which}.{rng.randrange(WAYS_OUT) + 1}", 64_600 + which


def _software(rng: Random, agent: str) -> Software:
    return Software(
        agent,
        f"t13d{rng.randint(12, 18)}{rng.randint(10, 16)}h2_{rng.getrandbits(48):012x}_{rng.getrandbits(48):012x}",
        f"{rng.getrandbits(48):012x}",
    )


def own_address(rng: Random) -> tuple[str, int]:
    """A line of one's own: IPv4 of the benchmark range, or IPv6 of the range for documentation."""
    network = 64_500 + rng.randrange(60)
    if rng.random() < 0.3:
        return f"2001:db8:{rng.getrandbits(16):x}:{rng.getrandbits(16):x}::{rng.getrandbits(12) + 1:x}", network
    return f"198.{rng.choice((18, 19))}.{rng.randint(16, 255)}.{rng.randint(1, 254)}", network
