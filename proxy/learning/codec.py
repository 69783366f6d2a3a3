"""Observations as bytes, for the stream, and as text, for recordings.

An entry of the stream is MessagePack: one array, `[1, at, request, account, organization, …]`, with the fields of `Observation` in their
order behind the version; a `Bias` is an array of its three numbers, an organization that is the account's own id is "".

A recording without text is one JSON line for each exchange, as in a recording with text, but with `observation` in the place of
`request`: the same bytes in base64 (RFC 4648, with padding). What is personal beside it is hashed too:

  {"time", "account", "account_facts": {"created", "tier", "organization", "payment": hash, "verified", "program"},
   "client": {"address": hash, "headers": hash}, "dialect", "model", "observation": base64,
   "usage": {"input_tokens", "output_tokens", "reasoning_tokens"}, "status", "id"}

A hash is 16 hex digits, "" for what was not known; that of `headers` is of user agent, TLS fingerprint and order together. Account and
organization stay as they are: decisions are laid beside them.

Rule 1: fields are added at the end, with a default. So an older reader leaves out what it does not know, and a newer one fills in.
Rule 2: what is not an observation, or torn, or of another version, raises `ValueError`.
Rule 3: an encoded observation is never longer than `MOST`.
"""

import binascii
from base64 import b64decode, b64encode
from operator import attrgetter

import msgspec

from proxy.learning.observation import Bias, Observation

VERSION = 1

MOST = 1024
"""Bytes."""


class _Bias(msgspec.Struct, array_like=True):
    first: int
    second: int
    count: int


class _Record(msgspec.Struct, array_like=True):
    """`Observation`'s fields, in their order, behind the version."""

    version: int
    at: float
    request: str
    account: str
    organization: str = ""
    tier: str = ""
    verified: bool = False
    programme: str = ""
    created: float | None = None
    payment: int = 0
    address: int = 0
    software: int = 0
    dialect: str = ""
    model: str = ""
    status: int = 200
    opening: bool = False
    sketch: tuple[int, ...] = ()
    conversation: int = 0
    turns: int = 0
    instructions: int = 0
    toolkit: int = 0
    parameters: int = 0
    forced: bool = False
    cap: int = 0
    input: int = 0
    output: int = 0
    reasoning: int = 0
    bias: _Bias | None = None
    logprobs: bool = False
    foreign: int = 0


_FIELDS = _Record.__struct_fields__[1:]
_fields_of = attrgetter(*_FIELDS)
_encode = msgspec.msgpack.Encoder().encode
_record = msgspec.msgpack.Decoder(_Record)
_BIAS, _ORGANIZATION = _FIELDS.index("bias"), _FIELDS.index("organization")


def encode(seen: Observation) -> bytes:
    """Raises `ValueError` where names alone are longer than an observation may be."""
    fields = list(_fields_of(seen))
    if seen.organization == seen.account:
        fields[_ORGANIZATION] = ""
    if seen.bias is not None:
        fields[_BIAS] = (seen.bias.first, seen.bias.second, seen.bias.count)
    data = _encode((VERSION, *fields))
    if len(data) > MOST:
        raise ValueError(f"an observation of {len(data)} bytes")
    return data


def decode(data: bytes) -> Observation:
    """Raises `ValueError`."""
    try:
        found = _record.decode(data)
    except msgspec.MsgspecError as error:
        raise ValueError("not an observation") from error
    if found.version != VERSION:
        raise ValueError(f"an observation of version {found.version}")
    fields = list(_fields_of(found))
    fields[_ORGANIZATION] = found.organization or found.account
    if found.bias is not None:
        fields[_BIAS] = Bias(found.bias.first, found.bias.second, found.bias.count)
    return Observation(*fields)


def write(seen: Observation) -> str:
    """For a recording's `observation`. Raises `ValueError`, as `encode`."""
    return b64encode(encode(seen)).decode()


def read(text: str) -> Observation:
    """What stands in a recording's `observation`. Raises `ValueError`."""
    try:
        return decode(b64decode(text, validate=True))
    except binascii.Error as error:
        raise ValueError("not base64") from error
