"""Sockets: one per worker on one port, and never a port that somebody else has."""

import socket

import pytest

from proxy.app.sockets import bind, split, words
from proxy.errors import ConfigError


def test_every_worker_gets_a_socket_on_the_same_port() -> None:
    bound = bind("127.0.0.1:0", 3)
    try:
        assert len({words(sock) for sock in bound}) == 1
        assert len({sock.fileno() for sock in bound}) == 3
    finally:
        for sock in bound:
            sock.close()


def test_a_port_that_is_taken_is_the_operators_error() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ConfigError, match="cannot listen on"):
            bind(words(other), 2)


def test_two_gateways_do_not_share_a_port_unnoticed() -> None:
    first = bind("127.0.0.1:0", 2)
    try:
        with pytest.raises(ConfigError):
            bind(words(first[0]), 2)
    finally:
        for sock in first:
            sock.close()


@pytest.mark.parametrize(("text", "pair"), [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:8080", ("::1", 8080)), (":1", ("", 1))])
def test_addresses_are_read(text: str, pair: tuple[str, int]) -> None:
    assert split(text) == pair


@pytest.mark.parametrize("text", ["", "8080", "host:", "host:http", "host:99999", "host:-1"])
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        split(text)
