"""What is wrong in a file, and where: one line per problem, `file:line:column: path: what is wrong; did you mean 'x'?`"""

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.errors import ConfigError

SHOWN = 20
"""Problems listed at most; the rest is only counted."""

Keys = tuple[str | int, ...]
"""Where in a document: keys and list positions from the top."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file; line and column count from 1, 0 for the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    place: Place
    path: Keys
    text: str

    def __str__(self) -> str:
        where = f"{self.place}: {dotted(self.path)}" if self.path else str(self.place)
        return f"{where}: {self.text}"


class PolicyProblems(ConfigError):  # noqa: N818  # a list of them, not one error
    """All that is wrong in a policy, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.place.file, problem.place.line, problem.place.column)))
        super().__init__(self._lines())

    def _lines(self) -> str:
        lines = [str(problem) for problem in self.problems[:SHOWN]]
        hidden = len(self.problems) - len(lines)
        return "\n".join([*lines, f"… and {hidden} more"] if hidden else lines)


def dotted(path: Keys) -> str:
    """`tiers.free.tokens[1]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part if part.isprintable() else ascii(part)}" for part in path)
    return text.removeprefix(".")[:200]
