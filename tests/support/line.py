"""The gateway's ports in memory: every wait is one turn of the event loop, everything that happened is written down.

The store counts with the real ledger, so that a grant here is a grant.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from proxy.core.estimate import Estimator
from proxy.core.facts import Account, Outcome
from proxy.core.ledger import Ledger
from proxy.core.policy import Policy
from proxy.core.quota import Claim, Denial, Grant, Unit
from proxy.dialects.base import Headers
from proxy.errors import CallerError, StoreError, UpstreamError
from proxy.gateway.capacity import Places
from proxy.gateway.exchange import Exchange
from proxy.gateway.ports import Arrival, Dispatch, Recorded
from proxy.gateway.rooms import Rooms
from proxy.learning.observation import Observation
from proxy.learning.sketch import Keyed
from proxy.sealing.keyring import Keyring
from proxy.sealing.seal import KeyedSeal

AT = 1_800_000_000.0
LEASE = 1e9


async def turn() -> None:
    """Lets everybody else go first; here a cancellation can arrive."""
    await asyncio.sleep(0)


class Clock:
    """Moves only when told."""

    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await turn()


class MemoryStore:
    """The `Store` port over a ledger; `loss` says of each call (by number) whether it is lost, and if so when."""

    def __init__(self, clock: Clock, loss: Callable[[int], str] = lambda _: "") -> None:
        """`loss` gives "before" (the store never heard it), "after" (it was counted, its answer is lost) or ""."""
        self.ledger = Ledger(LEASE)
        self.granted: set[str] = set()
        self.denied: set[str] = set()
        self.ended: Counter[str] = Counter()
        self.settled: dict[str, dict[Unit, int]] = {}
        self.extensions: list[tuple[str, int]] = []
        """Request and step."""
        self.claimed: set[Claim] = set()
        self.standings: dict[str, str] = {}
        self.last: dict[str, str] = {}
        self.notes: dict[tuple[str, str], str] = {}
        self.lasting: list[float] = []
        """Of what was to be remembered: seconds."""
        self.observed: list[Observation] = []
        self._clock = clock
        self._loss = loss
        self._calls = 0

    async def reserve(self, request: str, account: Account, claims: Sequence[Claim], note: str = "") -> Grant | Denial:
        return await self._called(lambda: self._reserved(request, account, claims, note))

    def known(self, account: Account) -> str:
        return self.last.get(account.id, "")

    def observe(self, seen: Observation) -> None:
        self.observed.append(seen)

    def note(self, account: Account, name: str, text: str, seconds: float) -> None:
        self.notes.setdefault((account.organization, name), text)

    async def remember(self, account: Account, notes: Mapping[str, str], seconds: float) -> None:
        await turn()
        for name, text in notes.items():
            self.note(account, name, text, seconds)
            self.lasting.append(seconds)

    async def recall(self, account: Account, names: Sequence[str]) -> list[str | None]:
        await turn()
        return [self.notes.get((account.organization, name)) for name in names]

    async def extend(self, request: str, account: Account, claims: Sequence[Claim], step: int) -> Grant | Denial:
        self.extensions.append((request, step))
        return await self._called(lambda: self.ledger.extend(request, claims, step, self._clock()))

    def settle(self, request: str, account: Account, claims: Sequence[Claim], actual: Mapping[Unit, int]) -> None:
        self.ended[request] += 1
        self.settled[request] = dict(actual)
        self.ledger.settle(request, claims, actual, self._clock())

    def release(self, request: str, account: Account, claims: Sequence[Claim]) -> None:
        self.ended[request] += 1
        self.ledger.release(request, self._clock())

    def used(self, claim: Claim) -> float:
        return self.ledger._filled(claim, self._clock())

    def _reserved(self, request: str, account: Account, claims: Sequence[Claim], note: str) -> Grant | Denial:
        verdict = self.ledger.reserve(request, claims, self._clock())
        standing = self.last[account.id] = self.standings.get(account.id, "")
        verdict = replace(verdict, standing=standing, note=self.notes.get((account.organization, note)))
        self.claimed |= set(claims)
        self.denied.discard(request)  # it may be asked once more, under the right share
        (self.granted if isinstance(verdict, Grant) else self.denied).add(request)
        return verdict

    async def _called(self, act: Callable[[], Grant | Denial]) -> Grant | Denial:
        loss = self._loss(self._calls)
        self._calls += 1
        await turn()
        if loss == "before":
            raise StoreError("lost")
        verdict = act()
        await turn()
        if loss == "after":
            raise StoreError("lost")
        return verdict


@dataclass
class Script:
    """What becomes of one exchange."""

    body: bytes = b""
    answer: tuple[bytes, ...] = ()
    status: int = 200
    streamed: bool = False
    framed: bool = True
    encoding: str = ""
    unreachable: bool = False
    silent: bool = False
    """The upstream takes the request and never answers."""
    breaks: bool = False
    """The upstream breaks off after its last chunk."""
    leaves_at: int | None = None
    """The caller's connection is gone from this operation on (0: the start of the answer)."""
    cancel_at: int | None = None
    """The exchange is cancelled after this many turns."""
    account: str = "ann"
    path: str = "/v1/chat/completions"


class MemoryUpstream:
    """The `Upstream` port: answers as the script of the dispatch's reference says."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        self._scripts = scripts
        self.tried: list[str] = []
        """Given to us, though perhaps not sent: who hangs up while a connection is being opened is charged as if it were."""
        self.sent: list[str] = []
        self.answers: list[MemoryAnswer] = []
        self.bodies: list[bytes] = []

    async def send(self, dispatch: Dispatch) -> "MemoryAnswer":
        name = dict(dispatch.headers)["x-name"]
        script = self._scripts[name]
        self.tried.append(name)
        await turn()
        if script.unreachable:
            raise UpstreamError("unreachable", sent=False)
        self.sent.append(name)
        self.bodies.append(dispatch.body if isinstance(dispatch.body, bytes) else b"")
        await turn()
        if script.silent:
            raise UpstreamError("silent", sent=True, timed_out=True)
        answer = MemoryAnswer(script)
        self.answers.append(answer)
        return answer

    async def connect(self, dispatch: Dispatch, protocols: Sequence[str]) -> Any:
        raise UpstreamError("no WebSocket here", sent=False)


class MemoryAnswer:
    """An answer whose headers have arrived."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.status = script.status
        kind = "text/event-stream" if script.streamed else "application/json"
        coding = (("Content-Encoding", script.encoding),) if script.encoding else ()
        self.headers: Headers = (("Content-Type", kind), *coding)
        self.framed = script.framed
        self.closed = False

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self._script.answer:
            await turn()
            yield chunk
        if self._script.breaks:
            raise UpstreamError("broke off", sent=True)

    def close(self) -> None:
        self.closed = True


class MemoryCaller:
    """The `Caller` port: keeps what was sent, and may leave."""

    def __init__(self, script: Script) -> None:
        self._left = script.leaves_at
        self._operations = 0
        self.status = 0
        self.headers: Headers = ()
        self.body = b""
        self.finished = False
        self.aborted = False

    async def start(self, status: int, headers: Headers) -> None:
        assert not self.status, "an answer begins once"
        await self._operation()
        self.status, self.headers = status, headers

    async def write(self, data: bytes) -> None:
        assert self.status, "an answer's body follows its beginning"
        assert not self.finished, "nothing follows an answer's end"
        await self._operation()
        self.body += data

    async def finish(self) -> None:
        assert self.status, "an answer ends after its beginning"
        await self._operation()
        self.finished = True

    def abort(self) -> None:
        self.aborted = True

    async def upgrade(self, protocol: str | None) -> Any:
        raise ConnectionResetError

    async def _operation(self) -> None:
        await turn()
        if self._left is not None and self._operations >= self._left:
            raise ConnectionResetError("the caller has left")
        self._operations += 1


@dataclass
class MemoryBody:
    """The `Body` port."""

    data: bytes

    async def whole(self, limit: int) -> bytes:
        await turn()
        return self.data

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.data


class MemoryIdentity:
    """The `Identity` port: the header `x-account` is the account; without it nobody vouches."""

    async def identify(self, arrival: Arrival, policy: Policy) -> Account:
        await turn()
        name = arrival.header("x-account")
        if not name:
            raise CallerError("Who are you?", status=401, code="invalid_api_key")
        return Account(name, name, "free", key=f"key_{name}", source="keys")

    def strip(self, headers: Headers, account: Account, policy: Policy) -> Headers:
        return headers

    def strip_query(self, query: str, account: Account) -> str:
        return query


class OpenDoor:
    """The `Door` port, never shut."""

    def shut(self, peer: str) -> bool:
        return False

    async def failed(self, peer: str) -> None:
        await turn()


@dataclass
class MemoryTrace:
    """The `Trace` port: nothing may follow the end."""

    outcomes: list[Outcome] = field(default_factory=list)
    refusals: int = 0

    def __getattr__(self, name: str) -> Any:
        if name not in {"read", "decided", "found", "told", "first_byte"}:
            raise AttributeError(name)
        assert not self.outcomes, "nothing is told of an exchange after its end"
        return lambda *_, **__: None

    def upstream_headers(self, headers: Headers) -> Headers:
        assert not self.outcomes
        return headers

    def refused(self, fault: Any) -> None:
        assert not self.outcomes
        self.refusals += 1

    def end(self, outcome: Outcome, *, error: str = "") -> None:
        self.outcomes.append(outcome)


class MemoryTelemetry:
    """The `Telemetry` port: one trace by arrival."""

    def __init__(self) -> None:
        self.traces: dict[str, MemoryTrace] = {}

    def begin(self, arrival: Arrival) -> MemoryTrace:
        return self.traces.setdefault(arrival.id, MemoryTrace())

    def gauge(self, name: str, value: float) -> None: ...

    def count(self, name: str, amount: int = 1, **labels: str) -> None: ...


class MemoryRecorder:
    """The `Recorder` port."""

    def __init__(self) -> None:
        self.recorded: list[Recorded] = []

    def record(self, exchange: Recorded) -> None:
        self.recorded.append(exchange)


@dataclass
class House:
    """All ports in memory, wired."""

    policy: Policy
    scripts: Mapping[str, Script]
    loss: Callable[[int], str] = lambda _: ""

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock, self.loss)
        self.upstream = MemoryUpstream(self.scripts)
        self.telemetry = MemoryTelemetry()
        self.places = Places(self.policy.capacity, 1)
        self.recorder = MemoryRecorder()
        self.callers = {name: MemoryCaller(script) for name, script in self.scripts.items()}
        self.rooms = Rooms(
            policy=self.policy, identity=MemoryIdentity(), store=self.store, upstream=self.upstream, telemetry=self.telemetry,
            door=OpenDoor(), places=self.places, estimator=Estimator(), max_body=1 << 20, clock=self.clock,
            seal=KeyedSeal(Keyring(b"k" * 32)), key=Keyed(b"k" * 32), recorder=self.recorder,
            links=lambda account, *_: f"https://verify.test/{account.id}", sleep=self.clock.sleep,
        )  # fmt: skip

    def arrival(self, name: str) -> Arrival:
        script = self.scripts[name]
        told = (("content-length", str(len(script.body))), ("x-name", name))
        headers = (*told, ("x-account", script.account)) if script.account else told
        return Arrival(self.clock(), name, "POST", script.path, "", headers, "192.0.2.1")

    def exchange(self, name: str) -> Exchange:
        return Exchange(self.rooms, self.arrival(name), MemoryBody(self.scripts[name].body), self.callers[name])
