"""What is believed of a front's callers: what our own fronts have seen, and no word of whoever stands before them."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.gateway.fronts import LONGEST, MOST_HOPS, NOBODY, Fronts, Peers
from proxy.gateway.ports import Arrival

OURS = Peers.of(["10.0.0.0/8", "fd00::/8", "unix"])
FIELDS = ("x-forwarded-for", "forwarded")
FINGERPRINT = "t13d1516h2_8daaf6152771_b186095e22b6"

strangers = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6).filter(lambda found: found.ipv4_mapped is None)).map(str)
strangers = strangers.filter(lambda address: not OURS.trusts(address))
own = st.sampled_from(["10.0.0.1", "10.255.0.9", "fd00::1", "::ffff:10.0.0.7"])
texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
words = st.one_of(texts, st.lists(st.sampled_from(['"', "\\", ",", ";", "=", " ", "for", "6.6.6.6", "[", "x"]), max_size=12).map("".join))


def arrival(*headers: tuple[str, str], peer: str = "10.0.0.1") -> Arrival:
    return Arrival(0.0, "r", "POST", "/v1/chat/completions", "", headers, peer)


def hop(address: str, field: str) -> str:
    if field == "x-forwarded-for":
        return address
    return f'for="[{address}]"' if ":" in address else f"for={address}"


@given(strangers, st.lists(st.tuples(st.sampled_from([*FIELDS, "x-ja4"]), words)), st.sampled_from(FIELDS))
def test_a_stranger_is_never_believed(peer: str, headers: list[tuple[str, str]], field: str) -> None:
    asked = arrival(*headers, peer=peer)
    assert Fronts(OURS, field, "x-ja4").believed(asked) is asked
    assert asked.address == peer
    assert NOBODY.believed(replace(asked, peer="local")).client == ""


@given(words, strangers, st.lists(own, max_size=MOST_HOPS - 1), st.booleans(), st.sampled_from(FIELDS))
@example('for="', "203.0.113.7", [], True, "forwarded")
def test_the_caller_is_whom_the_first_of_our_fronts_saw_whatever_stands_left_of_it(
    forged: str, caller: str, between: list[str], together: bool, field: str
) -> None:
    seen = ", ".join(hop(address, field) for address in (caller, *between))
    headers = ((field.title(), f"{forged}, {seen}"),) if together else ((field, forged), (field, seen))
    other = next(name for name in FIELDS if name != field)
    asked = Fronts(OURS, field).believed(arrival((other, hop("6.6.6.6", other)), *headers))
    assert (asked.client, asked.address) == (caller, caller)


@given(words, strangers)
@example("x, for=6.6.6.6", "203.0.113.7")
@example('x, for=6.6.6.6;a="', "203.0.113.7")
@example('x", for=6.6.6.6;a="', "203.0.113.7")
def test_what_a_front_quotes_of_its_caller_is_no_hop(host: str, caller: str) -> None:
    quoted = host.replace("\\", "\\\\").replace('"', '\\"')
    asked = Fronts(OURS, "forwarded").believed(arrival(("forwarded", f'{hop(caller, "forwarded")};host="{quoted}"')))
    assert asked.client in {caller, ""}


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("203.0.113.7:4711", "203.0.113.7"), ("[2001:db8::7]:4711", "2001:db8::7"), ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"), ("6.6.6.6, unknown", ""), ("6.6.6.6,", ""), ("6.6.6.6, " + "x" * LONGEST, ""), ("", ""),
        (", ".join(["6.6.6.6"] + ["10.0.0.1"] * MOST_HOPS), ""), ("10.0.0.3, 10.0.0.2", "10.0.0.3"), ("6.6.6.6,," * 100_000, ""),
        ("10.0.0.1," * 100_000 + "203.0.113.7,10.0.0.1", "203.0.113.7"),
    ],
)  # fmt: skip
def test_a_hop_as_it_is_written(value: str, client: str) -> None:
    assert Fronts(OURS).believed(arrival(("X-Forwarded-For", value))).client == client


@pytest.mark.parametrize(
    ("value", "client"),
    [
        ('for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"), ("For=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        ("proto=https; for=192.0.2.60:80", "192.0.2.60"), ("for=192.0.2.43, for=198.51.100.17;by=10.0.0.1", "198.51.100.17"),
        ("for=unknown", ""), ('for="_gazonk"', ""), ("for=192.0.2.1;for=192.0.2.2", ""), ("by=192.0.2.1", ""), ("192.0.2.1", ""),
    ],
)  # fmt: skip
def test_a_hop_of_rfc_7239(value: str, client: str) -> None:
    assert Fronts(OURS, "forwarded").believed(arrival(("Forwarded", value))).client == client


def test_a_front_that_says_nothing_asks_for_itself() -> None:
    assert Fronts(OURS).believed(arrival()).address == "10.0.0.1"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([("X-JA4", FINGERPRINT)], FINGERPRINT), ([("x-ja4", f" {FINGERPRINT} ")], FINGERPRINT), ([], ""),
        ([("X-JA4", FINGERPRINT), ("X-JA4", "mine")], ""), ([("X-JA4", "x" * (LONGEST + 1))], ""), ([("X-JA3", FINGERPRINT)], ""),
    ],
)  # fmt: skip
def test_a_fingerprint_is_believed_where_the_front_replaced_the_callers(headers: list[tuple[str, str]], found: str) -> None:
    fronts = Fronts(OURS, tls="x-ja4")
    assert fronts.believed(arrival(*headers, peer="local")).tls == found
    assert fronts.believed(arrival(*headers, peer="203.0.113.7")).tls == ""
    assert Fronts(OURS).believed(arrival(*headers)).tls == ""
