"""What is learned from an exchange: hashes of what was asked, made while the model works, and the rest when it has ended.

Rule 1: it never delays an exchange, and what it keeps of one has no text.
Rule 2: only what reached the upstream and was answered teaches anything.
"""

from http import HTTPStatus

from proxy.core.facts import Account, Outcome
from proxy.core.sealing import Finding
from proxy.gateway.course import Course
from proxy.gateway.fronts import LOCAL
from proxy.gateway.ports import Arrival, Recorded
from proxy.gateway.rooms import Rooms
from proxy.learning.observe import Client, Finished, observation, traits

MOST_FIELDS = 64
"""Header fields whose order counts."""

MOST_RECORDED = 1 << 18
"""Bytes of a request that are recorded as they were sent; of a larger one its sketch is."""


def sketch(rooms: Rooms, course: Course) -> None:
    """What was asked becomes hashes; the second time there is nothing left to do."""
    reading = course.reading
    if reading.said is None:
        return
    course.traits, reading.said = traits(reading.said, course.ask, rooms.key), None
    if course.policy.recording.text and len(reading.plain) <= MOST_RECORDED:
        course.recorded = reading.plain


def observe(rooms: Rooms, course: Course, outcome: Outcome) -> None:
    """Hands an ended exchange to whoever learns from it."""
    account, policy = course.account, course.policy
    if account is None or not course.sent or not 0 < course.status < HTTPStatus.BAD_REQUEST:
        return
    sketch(rooms, course)
    if course.traits is None:
        return
    arrival = course.arrival
    finished = Finished(arrival.at, arrival.id, account, course.dialect.name, course.ask, client_of(arrival), outcome, course.foreign)
    seen = observation(course.traits, finished, rooms.key)
    if policy.risk.on:
        rooms.store.observe(seen)
    if policy.recording.to:
        rooms.recorder.record(Recorded(seen, finished, course.recorded))


def client_of(arrival: Arrival) -> Client:
    """As far as the connection, its headers and a trusted front show it."""
    names = ",".join([name for name, _ in arrival.headers[:MOST_FIELDS]])
    address = "" if arrival.address == LOCAL else arrival.address  # a unix socket's says nothing
    return Client(address, arrival.header("user-agent"), arrival.tls, names)


def foreign(findings: tuple[tuple[Finding, str], ...], account: Account) -> int:
    """Blocks that were issued to somebody else. One that was never issued here, such as one from before blocks were bound, is none."""
    return sum(finding is Finding.FOREIGN and issued_to not in {"", account.id} for finding, issued_to in findings)
