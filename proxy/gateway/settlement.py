"""What an exchange cost in the end. The provider's word where it gave one; else an estimate from bytes, never zero."""

from dataclasses import replace

from proxy.core.facts import Ask, Usage
from proxy.dialects.base import Tally


def true_usage(ask: Ask, expected: Usage, tally: Tally, flowed: int, *, hidden: int = 0, complete: bool) -> tuple[Usage, bool]:
    """What to charge an exchange that reached the upstream, and whether the provider said so.

    `flowed`: tokens in the bytes that were generated, by estimate. Of a stream that ended early the provider's figure is
    the one from before the end, so the larger counts. An unstreamed answer that never came may have been generated in
    full all the same: it costs what was expected, or hanging up early would be free. A report of nothing at all (empty, or in
    another dialect's words) is none; nor is a report of no output beside a text that was seen. `hidden`: reasoning that the
    model usually makes and does not show, so that leaving before the report does not make it free; a guess, so no more of it
    than was expected. What is detached goes on unseen: it costs what was expected.
    """
    told = tally.usage if tally.usage is not None and (tally.usage.total or not expected.total) else None
    if told is not None and complete and (told.output or not flowed):
        return told, True
    made = max(1, flowed, min(flowed + hidden, expected.output)) if expected.output else 0
    if told is not None:
        return replace(told, output=max(told.output, made if hidden else flowed)), False
    if ask.detached or (flowed == 0 and not ask.stream):
        return expected, False
    return Usage(input=expected.input, output=made), False
