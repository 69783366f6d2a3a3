"""What an exchange cost in the end. The provider's word where it gave one; else an estimate from bytes, never zero."""

from dataclasses import replace

from proxy.core.facts import Ask, Usage
from proxy.dialects.base import Tally


def true_usage(ask: Ask, expected: Usage, tally: Tally, flowed: int, *, complete: bool) -> tuple[Usage, bool]:
    """What to charge an exchange that reached the upstream, and whether the provider said so.

    `flowed`: tokens in the bytes that were generated, by estimate. Of a stream that ended early the provider's figure is
    the one from before the end, so the larger counts. An unstreamed answer that never came may have been generated in
    full all the same: it costs what was expected, or hanging up early would be free. A report of nothing at all (empty, or in
    another dialect's words) is none; nor is a report of no output beside a text that was seen.
    """
    told = tally.usage if tally.usage is not None and (tally.usage.total or not expected.total) else None
    if told is not None and complete and (told.output or not flowed):
        return told, True
    if told is not None:
        return replace(told, output=max(told.output, flowed)), False
    if flowed == 0 and not ask.stream:
        return expected, False
    return Usage(input=expected.input, output=max(1, flowed) if expected.output else 0), False
