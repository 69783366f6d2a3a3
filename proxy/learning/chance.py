"""How unlikely something is by chance, in nats."""

import math


def surprise(seen: int, of: int, usual: float) -> float:
    """Nats by which `seen` successes in `of` trials stray above a usual share: Chernoff's bound on the binomial tail (1952), so never
    more than the truth. 0 where they do not stray above it."""
    if not of or seen <= usual * of:
        return 0.0
    usual = min(max(usual, 0.5 / of), 1 - 1e-9)  # a share of nothing was seen in a finite crowd
    share = seen / of
    divergence = share * math.log(share / usual)
    if share < 1:
        divergence += (1 - share) * math.log((1 - share) / (1 - usual))
    return max(0.0, of * divergence)
