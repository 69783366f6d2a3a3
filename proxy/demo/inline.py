"""Reasoning between tags in the content itself, as servers without a reasoning parser send it; and the history without it.

The opening tag is missing where the prompt's template has already opened it. Like the usual templates, the model forgets the
reasoning of earlier turns.
"""

import re

from proxy.demo.kinds import Kind

OPENING, CLOSING = "<think>", "</think>"

_FENCE = ("\n```", "\n<think>x</think>", "\n```", "\nand")
"""Tags that belong to the answer."""

_FENCED = re.compile(r"\bfence\b", re.IGNORECASE)


def inlined(kind: Kind, thought: tuple[str, ...], text: tuple[str, ...], said: str) -> tuple[str, ...]:
    """The content's tokens. The prompt's word `fence` puts a code fence into the answer, with tags in it."""
    if text and _FENCED.search(said):
        text = (*text[:2], *_FENCE, *text[2:])
    if not thought:
        return text
    opening = (OPENING, "\n" + thought[0]) if kind is Kind.INLINE else (thought[0],)
    return (*opening, *thought[1:], "\n" + CLOSING, *(("\n\n" + text[0], *text[1:]) if text else ("\n\n",)))


def forgotten(content: object) -> object:
    """An assistant's content without the reasoning that it begins with; tags further on are the answer's."""
    if not isinstance(content, str):
        return content
    head, closing, rest = content.partition(CLOSING)
    own = closing and OPENING not in head.removeprefix(OPENING)
    return rest.lstrip("\n") if own else content
