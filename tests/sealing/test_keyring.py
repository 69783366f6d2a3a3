"""The keys that seal: what comes back, what does not, and for whom."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sealing.keyring import ID_BYTES, SHORTEST, ForgedError, Keyring, UnknownKeyError, key_id

OLD, NEW = b"an old secret of at least 32 characters", b"a new secret of at least 32 characters!"
PURPOSES = st.text(max_size=12)


@given(PURPOSES, st.binary(max_size=300))
def test_what_is_sealed_opens_and_is_always_the_same(purpose: str, data: bytes) -> None:
    sealed = Keyring(NEW).seal(purpose, data)
    assert Keyring(NEW).seal(purpose, data) == sealed
    assert Keyring(NEW, OLD).open(purpose, sealed) == data
    assert len(sealed) == SHORTEST + len(data)


@given(PURPOSES, PURPOSES, st.binary(max_size=40))
def test_what_is_sealed_for_one_purpose_opens_for_no_other(purpose: str, other: str, data: bytes) -> None:
    ring = Keyring(NEW)
    sealed = ring.seal(purpose, data)
    if purpose == other:
        assert ring.open(other, sealed) == data
        return
    assert ring.seal(other, data) != sealed
    with pytest.raises(ForgedError):
        ring.open(other, sealed)


@given(st.binary(max_size=40), st.data())
def test_no_bit_can_be_changed(data: bytes, draw: st.DataObject) -> None:
    ring = Keyring(NEW, OLD)
    sealed = bytearray(ring.seal("p", data))
    place = draw.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << draw.draw(st.integers(0, 7))
    with pytest.raises(UnknownKeyError if place < ID_BYTES else ForgedError):
        ring.open("p", bytes(sealed))


@given(st.binary(max_size=60))
def test_what_nobody_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises((ForgedError, UnknownKeyError)):
        Keyring(NEW, OLD).open("p", sealed)
    with pytest.raises(ForgedError):
        Keyring(NEW, OLD).open("p", key_id(OLD) + sealed)


@given(st.integers(0, SHORTEST - 1))
def test_what_was_cut_off_is_forged(length: int) -> None:
    ring = Keyring(NEW)
    with pytest.raises(ForgedError):
        ring.open("p", ring.seal("p", b"")[:length])


def test_the_key_of_one_secret_under_the_id_of_another_is_forged() -> None:
    sealed = Keyring(OLD).seal("p", b"x")
    with pytest.raises(ForgedError):
        Keyring(NEW, OLD).open("p", key_id(NEW) + sealed[ID_BYTES:])


def test_rotation_opens_the_old_until_its_key_is_gone() -> None:
    ring = Keyring(OLD)
    before = ring.seal("p", b"x")
    ring.use(NEW, OLD)
    after = ring.seal("p", b"x")
    assert after[:ID_BYTES] == key_id(NEW)
    assert ring.ids == (key_id(NEW).hex(), key_id(OLD).hex())
    assert ring.open("p", before) == ring.open("p", after) == b"x"
    ring.use(NEW)
    assert ring.open("p", after) == b"x"
    with pytest.raises(UnknownKeyError):
        ring.open("p", before)


def test_keys_stay_what_they_are_from_version_to_version() -> None:
    """What was sealed before an upgrade opens after it."""
    assert Keyring(OLD).seal("p", b"x").hex() == "e01cb3f3222866fd8b62221a76fb2256a829536c83"


def test_the_id_tells_nothing_of_the_key() -> None:
    ring = Keyring(NEW)
    assert NEW.decode() not in repr(ring) + repr(vars(ring))
    assert len({key_id(secret) for secret in (NEW, OLD, NEW[:-1], OLD[:-1])}) == 4
