"""What a caller is told of its standing, in header fields: nothing is done silently."""

from collections import Counter
from collections.abc import Sequence

from proxy.core.sealing import Finding
from proxy.core.shaping import Notice
from proxy.dialects.base import Headers


def disclosed(notice: Notice | None) -> Headers:
    """`stillgate-rung`, `stillgate-measures` and a sentence. Fields are ASCII: what is not is left to the body's notice."""
    if notice is None:
        return ()
    measures = ", ".join(f'"{_ascii(measure)}"' for measure in notice.measures)
    done = (("stillgate-measures", measures),) if measures else ()  # a conversation that stays as it began has none yet
    return (("stillgate-rung", notice.rung), *done, ("stillgate-notice", _ascii(notice.sentence)))


def dropped(findings: Sequence[tuple[Finding, str]]) -> Headers:
    """Reasoning blocks of the request that did not reach the model."""
    if not findings:
        return ()
    kinds = ", ".join(f"{number} {finding.value}" for finding, number in Counter(finding for finding, _ in findings).items())
    return (("stillgate-reasoning-dropped", kinds),)


def _ascii(text: str) -> str:
    return "".join(sign if " " <= sign <= "~" else "?" for sign in text)
