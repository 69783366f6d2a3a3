"""TLP 2.0 markings (FIRST, 2022) as OASIS publishes them for STIX 2.1: everybody's have the same ids.

https://github.com/oasis-open/cti-stix-common-objects/tree/main/extension-definition-specifications/tlp-2.0
"""

from typing import Any

import stix2
from stix2.properties import EnumProperty

EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

IDS = {
    "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
"""By level, widest first."""


class Fields:
    """What the library makes a class of takes fields by name; it reads them itself."""

    def __init__(self, **fields: Any) -> None: ...


@stix2.v21.CustomExtension(EXTENSION, [("tlp_2_0", EnumProperty(allowed=list(IDS), required=True))])
class Tlp(Fields):
    """A level."""

    extension_type = "property-extension"


def marking(level: str) -> stix2.v21.MarkingDefinition:
    """The marking of a level of `IDS`."""
    extensions = {EXTENSION: Tlp(tlp_2_0=level)}
    return stix2.v21.MarkingDefinition(
        id=IDS[level], created="2022-10-01T00:00:00.000Z", name=f"TLP:{level.upper()}", extensions=extensions
    )  # fmt: skip
