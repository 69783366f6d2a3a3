"""The few shapes that a picture is made of, as SVG text. Numbers are written with one decimal, so the same picture has the same bytes."""

from collections.abc import Iterable
from html import escape

from proxy.replay.report import shown

Point = tuple[float, float]


def document(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """A whole file."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        'role="img" font-family="system-ui, sans-serif" font-size="12" fill="#22303c">'
    )
    return "\n".join([head, f"<title>{_safe(title)}</title>", box(0, 0, width, height, "#ffffff"), *parts, "</svg>"]) + "\n"


def text(x: float, y: float, words: str, *, size: int = 12, anchor: str = "start", colour: str = "#22303c") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{_safe(words)}</text>'


def box(x: float, y: float, width: float, height: float, colour: str, opacity: float = 1.0, said: str = "") -> str:  # noqa: PLR0913, PLR0917
    """A filled rectangle; `said` is shown where a pointer rests on it."""
    faint = f' fill-opacity="{opacity:.2f}"' if opacity < 1 else ""
    told = f"><title>{_safe(said)}</title></rect>" if said else "/>"
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{max(0.0, height):.1f}" fill="{colour}"{faint}{told}'


def line(start: Point, end: Point, colour: str = "#c5ccd3", dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" stroke="{colour}"{dashed}/>'


def area(points: Iterable[Point], colour: str, said: str = "") -> str:
    """A filled polygon."""
    spots = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon points="{spots}" fill="{colour}"><title>{_safe(said)}</title></polygon>'


def _safe(words: str) -> str:
    """What an account or a policy is called may hold anything."""
    return escape(shown(words))
