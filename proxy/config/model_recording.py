"""`recording`: exchanges are written down, to be replayed."""

from typing import Annotated

from pydantic import Field

from proxy.config.fields import FileName, Strict


class RecordingPart(Strict):
    """Each worker appends the exchanges that it served to a file of its own, in the format that `stillgate replay` reads."""

    to: FileName
    """The directory; beside the policy, unless it is absolute, and made where it is not there."""
    text: Annotated[bool, Field(strict=True)] = False
    """true: requests as they were sent. Left out: only what is learned from them, without text, and what is personal hashed."""
