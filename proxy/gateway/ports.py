"""The doors of the gateway: what it needs from the world, as Protocols. The rooms beside it implement them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from proxy.core.enforcement import Enforcement, Fault
from proxy.core.facts import Account, Ask, Outcome
from proxy.core.keys import KeyRecord
from proxy.core.policy import Policy
from proxy.core.quota import Claim, Denial, Grant, Unit
from proxy.core.sealing import Finding
from proxy.core.shaping import Notice
from proxy.dialects.base import Headers
from proxy.learning.observation import Observation
from proxy.learning.observe import Finished


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it came in, before anything is believed."""

    at: float
    """Epoch seconds; the only clock that the decisions know."""
    id: str
    """Our id of the exchange: the reference in refusals, the idempotency key in the store."""
    method: str
    path: str
    """Path as sent, still percent-encoded, without the query."""
    query: str
    """Raw query string without `?`."""
    headers: Headers
    peer: str
    """Address of the connection's other end."""
    scheme: str = "http"
    client: str = ""
    """The caller's address, as a front that is trusted passes it on (`gateway.fronts`); "" where none does."""
    tls: str = ""
    """The caller's TLS fingerprint, likewise."""

    @property
    def address(self) -> str:
        """The caller's, as far as it is known."""
        return self.client or self.peer

    def header(self, name: str) -> str:
        """The first header of that name (any case), or ""."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")


class Body(Protocol):
    """A request's body: read whole where it must be understood, streamed where it only passes."""

    async def whole(self, limit: int) -> bytes:
        """All of it, as sent (perhaps compressed). Raises `CallerError` 413 past `limit` bytes."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Piece by piece."""


class Caller(Protocol):
    """The caller's side of one exchange. Its methods raise `ConnectionResetError` once the caller has left."""

    async def start(self, status: int, headers: Headers) -> None: ...

    async def write(self, data: bytes) -> None:
        """Returns when the caller's side can take more (backpressure)."""

    async def finish(self) -> None: ...

    def abort(self) -> None:
        """Sends what is written, then cuts the connection: nobody may take a torn answer for a whole one."""

    async def upgrade(self, protocol: str | None) -> "Socket":
        """Agrees to a WebSocket instead of an answer."""


class Socket(Protocol):
    """One end of a WebSocket (RFC 6455)."""

    protocol: str | None
    """The subprotocol agreed on."""

    def messages(self) -> AsyncIterator[str | bytes]:
        """Whole messages until it is closed; by the other side, then `farewell` is set, or by us."""

    async def send(self, message: str | bytes) -> None: ...

    async def close(self, code: int, reason: str) -> None:
        """Does nothing where it is closed already."""

    @property
    def farewell(self) -> tuple[int, str] | None:
        """Code and reason with which the other side closed (1006 where it vanished without a word); None while it has not."""


class Answer(Protocol):
    """An upstream's answer whose headers have arrived."""

    status: int
    headers: Headers

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, still compressed if it is. Raises `UpstreamError` if it breaks off or falls silent."""

    framed: bool
    """The body says where it ends (a length or chunks); without that an end cannot be told from a break."""

    def close(self) -> None:
        """Lets go at once; cancels the upstream if it is not finished. May be called twice."""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A request on its way to the model side."""

    method: str
    path: str
    query: str
    headers: Headers
    """Stripped of credentials, identity and hop-by-hop fields, in the caller's order."""
    body: bytes | AsyncIterator[bytes] | None
    model: str
    """Chooses the upstream, with `path`, where several are configured."""
    dialect: str
    """Chooses how a credential is sent."""
    idle: float
    """Longest silence allowed, seconds."""
    own_credential: bool = False
    """The caller's own provider credential is among `headers`: the operator's is not added."""


class Upstream(Protocol):
    """The model side."""

    async def send(self, dispatch: Dispatch) -> Answer:
        """Raises `UpstreamError`. Tries again only where no byte was sent. Adds the operator's credentials."""

    async def connect(self, dispatch: Dispatch, protocols: Sequence[str]) -> "Socket":
        """Opens a WebSocket. Raises `UpstreamError`."""


class Store(Protocol):
    """Where usage and standings live. Every call is idempotent by `request`, and raises `StoreError`."""

    async def reserve(self, request: str, account: Account, claims: Sequence[Claim], note: str = "") -> Grant | Denial:
        """All claims or none, and a lease on what was reserved. One round trip, which also brings the account's standing and the `note`
        of that name, if one was left."""

    def known(self, account: Account) -> str:
        """The account's standing as the last reservation here brought it; "" where none did. From memory."""

    async def extend(self, request: str, account: Account, claims: Sequence[Claim], step: int) -> Grant | Denial:
        """Mid-stream: counts as used what was held so far, and holds `cost` more of each claim. `step` (1, 2, …) makes it idempotent."""

    def settle(self, request: str, account: Account, claims: Sequence[Claim], actual: Mapping[Unit, int]) -> None:
        """Trues up to `actual` and ends the lease. Returns at once; written soon, in a batch, and retried until it is."""

    def release(self, request: str, account: Account, claims: Sequence[Claim]) -> None:
        """Gives everything back: the exchange cost nothing. Returns at once."""

    def observe(self, seen: Observation) -> None:
        """Hands an ended exchange to whoever learns. Returns at once; written soon, with the settlements, or lost with the store."""

    def note(self, account: Account, name: str, text: str, seconds: float) -> None:
        """Leaves a note for `seconds`, unless one of that name is there. Returns at once; written soon, or lost with the store."""

    async def remember(self, account: Account, notes: Mapping[str, str], seconds: float) -> None:
        """Leaves notes, and waits until they are there. Never raises: what is not there later is treated as forgotten."""

    async def recall(self, account: Account, names: Sequence[str]) -> list[str | None]:
        """The notes of these names; None for each that is not there, or where the store does not answer."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An exchange to be written down."""

    seen: Observation
    finished: Finished
    request: bytes
    """As it was sent; b"" where only what is learned from it is recorded."""


class Recorder(Protocol):
    """Writes exchanges down, where the policy says so."""

    def record(self, exchange: Recorded) -> None:
        """Returns at once; written soon, or dropped and counted where the disk is full or too slow."""


class KeyTable(Protocol):
    """Where key records live. Raises `StoreError`."""

    async def find(self, digest: str) -> KeyRecord | None: ...

    async def put(self, record: KeyRecord) -> None:
        """Writes a record whole and announces the change to every gateway."""

    def all(self) -> AsyncIterator[KeyRecord]: ...

    async def changes(self, since: str) -> tuple[str, tuple[str, ...] | None]:
        """Digests changed after the mark `since` ("" for now), and the new mark; None where the history is too short to tell."""


class Identity(Protocol):
    """Says who asks."""

    async def identify(self, arrival: Arrival, policy: Policy) -> Account:
        """Raises `CallerError` 401 where no source vouches, with a message that says what is wanted."""

    def strip(self, headers: Headers, account: Account, policy: Policy) -> Headers:
        """`headers` without credentials of ours and without identity or forwarding headers that a caller could spoof."""

    def strip_query(self, query: str, account: Account) -> str:
        """The query without a credential of ours."""


class Door(Protocol):
    """Counts failed logins by address, so that nobody can try keys at leisure."""

    def shut(self, peer: str) -> bool:
        """From memory, without a round trip."""

    async def failed(self, peer: str) -> None:
        """One more; never raises."""


class Trace(Protocol):
    """The telemetry of one exchange."""

    def upstream_headers(self, headers: Headers) -> Headers:
        """`headers` with the W3C context continued (`traceparent`, `tracestate`); starts the CLIENT span."""

    def read(self, dialect: str, provider: str, route: str, ask: Ask, account: Account) -> None:
        """The request is understood."""

    def decided(self, enforcement: Enforcement, advised: Enforcement, policy: Policy, rung: str) -> None:
        """One event per decision; `advised` differs from `enforcement` in shadow."""

    def told(self, notice: Notice) -> None:
        """The request is served under sanctions, and its caller is told so: one log line with the reference."""

    def found(self, findings: Sequence[tuple[Finding, str]]) -> None:
        """Reasoning blocks of the request that were not at home, each with the account that it was issued to ("" unknown): evidence."""

    def refused(self, fault: Fault) -> None:
        """The request is not served: one log line with the reference, one count."""

    def first_byte(self, at: float) -> None: ...

    def end(self, outcome: Outcome, *, error: str = "") -> None: ...


class Telemetry(Protocol):
    def begin(self, arrival: Arrival) -> Trace: ...

    def gauge(self, name: str, value: float) -> None:
        """Sets one of the gauges that `telemetry.instruments` lists."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Adds to one of the counters that `telemetry.instruments` lists; labels have bounded values."""
