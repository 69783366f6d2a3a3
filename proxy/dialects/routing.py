"""Which dialect speaks on a route.

Rule: a path is matched only in its one normal form. What could be read as another path by the upstream (`..`, `//`, an
encoded slash outside a model's name, a second round of decoding) matches nothing, and so is refused.
"""

import re
from functools import lru_cache
from urllib.parse import unquote

from proxy.dialects import CATALOGUE
from proxy.dialects.base import Dialect, Headers, Route

_odd = re.compile(r"//|\\|%|[\x00-\x1f\x7f]|/\.{1,2}(?:/|$)|[;#\ud800-\udfff]")

_DEFAULT = CATALOGUE[0]
_ANTHROPIC = next(dialect for dialect in CATALOGUE if dialect.provider == "anthropic")


def find(method: str, path: str, headers: Headers) -> tuple[Dialect, Route] | None:
    """The dialect and its route, or None. A `/v1` in front may be there or not."""
    clean = normalised(path)
    matches = _matching(method, clean) if clean is not None else _of_a_model(method, path)
    if len(matches) > 1 and _speaks_anthropic(headers):
        return next((match for match in matches if match[0].provider == "anthropic"), matches[0])
    return matches[0] if matches else None


def normalised(path: str) -> str | None:
    """`path` decoded once; None where it has no single meaning."""
    try:
        clean = unquote(path, errors="strict")
    except UnicodeDecodeError:
        return None
    if "%2f" in path.lower() or not clean.startswith("/") or _odd.search(clean):
        return None
    return clean


def _of_a_model(method: str, path: str) -> tuple[tuple[Dialect, Route], ...]:
    """Models have names with slashes (`meta-llama/Llama-3`), which SDKs encode; nowhere else may an encoded slash stand."""
    if "%2f" not in path.lower() or normalised(path.replace("%2F", "/").replace("%2f", "/")) is None:
        return ()
    clean = normalised(path.replace("%2F", "-").replace("%2f", "-"))
    return tuple(match for match in _matching(method, clean) if match[1].path.endswith("{model}")) if clean is not None else ()


def dialect_for_error(path: str, headers: Headers) -> Dialect:
    """In which dialect to refuse what no dialect serves."""
    return _ANTHROPIC if "/messages" in path or _speaks_anthropic(headers) else _DEFAULT


def _speaks_anthropic(headers: Headers) -> bool:
    return any(name.lower() == "anthropic-version" for name, _ in headers)


@lru_cache(maxsize=4096)
def _matching(method: str, clean: str) -> tuple[tuple[Dialect, Route], ...]:
    return tuple((dialect, route) for pattern, dialect, route in _TABLE if route.method == method and pattern.fullmatch(clean))


def _pattern(template: str) -> re.Pattern[str]:
    pieces = ("[^/]+" if piece.startswith("{") else re.escape(piece) for piece in re.split(r"(\{\w+\})", template))
    return re.compile("(?:/v1)?" + "".join(pieces))


_TABLE = tuple((_pattern(route.path), dialect, route) for dialect in CATALOGUE for route in dialect.routes)
