"""Routes that the policy opens beside the dialects' own."""

import re
from functools import lru_cache

from proxy.core.policy import OpenRoute, Policy
from proxy.dialects import routing


def opened(policy: Policy, method: str, path: str) -> OpenRoute | None:
    """The policy's route for a request, or None: refused. The path is normalised first, so that `/v1/files/../x` opens nothing."""
    clean = routing.normalised(path)
    if clean is None:
        return None
    for route in policy.routes:
        if (not route.methods or method in route.methods) and _pattern(route.path).fullmatch(clean):
            return route
    return None


@lru_cache(maxsize=1024)
def _pattern(template: str) -> re.Pattern[str]:
    """`**` is any rest, `*` and `{name}` one segment."""
    pieces = re.split(r"(\*\*|\*|\{\w+\})", template)
    return re.compile("".join(".*" if piece == "**" else "[^/]*" if piece[:1] in {"*", "{"} else re.escape(piece) for piece in pieces))
