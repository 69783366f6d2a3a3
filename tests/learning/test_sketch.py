"""Sketches and keyed hashes: nothing of the text, the same for the same, and nothing in common under another secret."""

import random

from hypothesis import given
from hypothesis import strategies as st

from proxy.learning.observation import SKETCH
from proxy.learning.sketch import MOST_READ, REMEMBERED, SHORT, WINDOW, Keyed, grams

KEY, OTHER = Keyed(b"the operator's"), Keyed(b"another's")

texts = st.binary(max_size=400) | st.integers(0, 2**32).map(lambda seed: prose(seed, 300))


def prose(seed: int, words: int) -> bytes:
    rng = random.Random(seed)
    return " ".join("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(words)).encode()


@given(texts)
def test_a_sketch_is_bounded_sorted_and_depends_on_the_text_alone(raw):
    found = grams(raw, KEY)
    assert found == grams(bytes(bytearray(raw)), Keyed(b"the operator's"))
    assert len(found) <= SKETCH
    assert list(found) == sorted(set(found))
    assert all(0 <= each < 1 << 32 for each in found)
    assert bool(found) == bool(raw)
    assert len(found) < 2 or len(raw) > WINDOW


@given(texts)
def test_another_secret_has_nothing_in_common(raw):
    assert not {*grams(raw, KEY)} & {*grams(raw, OTHER)}


@given(st.integers(100, 2**32), st.integers(100, 2**32))
def test_texts_that_share_a_piece_share_hashes_wherever_it_stands(one, other):
    shared = prose(7, 200)
    first, second = shared + b"\n" + prose(one, 20), prose(other, 20) + b"\n" + shared
    assert len({*grams(first, KEY)} & {*grams(second, KEY)}) >= SKETCH // 2
    assert not {*grams(prose(one, 40), KEY)} & {*grams(shared, KEY)}


def test_one_piece_in_sixteen_is_sampled():
    """So a text of a dozen words or so has but one or two hashes, and one of a page has all."""
    sizes = [len(grams(prose(seed, 20), KEY)) for seed in range(200)]
    assert 3 < sum(sizes) / len(sizes) < 10
    assert {len(grams(prose(seed, 200), KEY)) for seed in range(50)} == {SKETCH}


def test_repetition_counts_once():
    assert len(grams(b"x" * 5000, KEY)) == 1
    assert grams(b"x" * 5000, KEY) == grams(b"x" * 100, KEY)
    assert len(grams(b"ab" * 2000, KEY)) <= 2


def test_every_byte_of_a_piece_counts():
    """Each changes the hash of the one piece that there is."""
    raw = prose(3, 10)[: WINDOW + 1]
    found = {grams(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :], KEY) for place in range(1, WINDOW)}
    assert len(found) == WINDOW - 1


def test_only_so_much_is_read():
    long = prose(1, 5000)
    assert grams(long, KEY) == grams(long[:MOST_READ] + b"another end", KEY)


@given(st.text() | st.binary())
def test_hashes_are_keyed_and_of_their_kind(value):
    found = KEY.hash("address", value)
    assert 0 <= found < 1 << 64
    assert bool(found) == bool(value)
    assert found == Keyed(b"the operator's").hash("address", value)
    if value:
        assert len({found, OTHER.hash("address", value), KEY.hash("payment", value)}) == 3


def test_half_a_sign_has_a_hash():
    assert KEY.hash("payment", "\ud800") != KEY.hash("payment", "?")


def test_what_is_remembered_is_bounded():
    key = Keyed(b"s")
    for number in range(REMEMBERED + 50):
        key.hash("address", str(number))
    assert key._short.cache_info().currsize == REMEMBERED


def test_no_text_is_remembered():
    key = Keyed(b"s")
    grams(b"a text", key)
    for kind in ("conversation", "instructions"):
        key.hash(kind, "a text")
    key.hash("software", "x" * (SHORT + 1))
    assert key._short.cache_info().currsize == 0
