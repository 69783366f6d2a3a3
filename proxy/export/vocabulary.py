"""What STIX has no words for: a template that is filled again and again, a client seen through hashes, and how sure a detector is.

Rule 1: all of it goes through `extension-definition`s, which travel in the bundle; their ids never change, their versions do.
Rule 2: ids follow from what is named: whoever exports the same thing twice updates it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

import stix2
from stix2.properties import FloatProperty, IntegerProperty, ListProperty, StringProperty

from proxy.export.tlp import Fields

HOUSE = uuid5(NAMESPACE_URL, "urn:stillgate:stix")
"""Namespace of all our ids."""

SINCE = datetime(2026, 11, 25, tzinfo=UTC)
"""When the extensions below were first published."""

VERSION = "1.0.0"


def named(kind: str, *parts: str) -> str:
    """A STIX id that follows from what it names (UUIDv5)."""
    return f"{kind}--{uuid5(HOUSE, chr(0).join((kind, *parts)))}"


PROJECT = named("identity", "stillgate")
TEMPLATE = named("extension-definition", "llm-template")
CLIENT = named("extension-definition", "llm-client")
DETECTION = named("extension-definition", "detection")

_HASHES = ListProperty(StringProperty)


@stix2.v21.CustomObservable(
    "llm-template",
    [("pieces", ListProperty(StringProperty, required=True)), ("key_id", StringProperty(required=True))],
    ["pieces", "key_id"],
    TEMPLATE,
)
class Template(Fields):
    """Pieces of prompts that several accounts share and hardly anybody else has, as keyed hashes of 32 bits."""


@stix2.v21.CustomObservable(
    "llm-client",
    [("addresses", _HASHES), ("payments", _HASHES), ("software", _HASHES), ("key_id", StringProperty(required=True))],
    ["addresses", "payments", "software", "key_id"],
    CLIENT,
)
class Client(Fields):
    """What clients of a model's API share, as keyed hashes of 64 bits."""


@stix2.v21.CustomExtension(
    DETECTION,
    [
        ("detector", StringProperty(required=True)),
        ("detector_version", StringProperty(required=True)),
        ("policy", StringProperty()),
        ("calibration", StringProperty()),
        ("score", FloatProperty(required=True)),
        ("evidence_nats", FloatProperty(required=True)),
        ("false_positive_rate", FloatProperty(required=True)),
        ("threshold", FloatProperty()),
        ("false_positive_rate_at_threshold", FloatProperty()),
        ("accounts", IntegerProperty(min=0)),
        ("exchanges", IntegerProperty(min=0)),
        ("output_tokens", IntegerProperty(min=0)),
        ("links", ListProperty(StringProperty)),
    ],
)
class Detection(Fields):
    """How sure a detector is, and of what."""

    extension_type = "property-extension"


def definitions() -> Iterator[stix2.v21.Identity | stix2.v21.ExtensionDefinition]:
    """What a reader needs to understand the rest: who defines it, and how."""
    yield stix2.v21.Identity(id=PROJECT, created=SINCE, modified=SINCE, name="Stillgate", identity_class="system")
    yield _definition(
        TEMPLATE, "llm-template", "new-sco",
        "A prompt template seen at a model's API. pieces: list of hexadecimal keyed hashes of pieces of prompts, none of which can be "
        "read back; key_id: which key they were hashed with, for only houses that share it can compare.",
    )  # fmt: skip
    yield _definition(
        CLIENT, "llm-client", "new-sco",
        "Clients of a model's API. addresses (IPv4, or IPv6 /64), payments (means of payment), software (user agent, TLS fingerprint and "
        "order of headers together): lists of hexadecimal keyed hashes; key_id: which key they were hashed with.",
    )  # fmt: skip
    yield _definition(
        DETECTION, "detection", "property-extension",
        "How sure a detector is. score: 20 log10(N), where one in N honest accounts reaches it; false_positive_rate: 1/N; evidence_nats: "
        "logarithm of the odds against chance; threshold: the score from which the producer restricts an account, with its rate; "
        "links: what says that the accounts act as one, in words.",
    )  # fmt: skip


def _definition(name: str, title: str, kind: str, schema: str) -> stix2.v21.ExtensionDefinition:
    return stix2.v21.ExtensionDefinition(
        id=name, created_by_ref=PROJECT, created=SINCE, modified=SINCE, name=title, description=schema.partition(".")[0], schema=schema,
        version=VERSION, extension_types=[kind],
    )  # fmt: skip
