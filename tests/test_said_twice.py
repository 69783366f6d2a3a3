"""Facts that two rooms on one floor need, and neither may take from the other: written twice, and the same."""

from typing import get_args

from proxy.cli.export import LEVELS
from proxy.config import checks, settings
from proxy.config.model_identity import Algorithm
from proxy.core import risk
from proxy.export import tlp
from proxy.identity import jwt_settings
from proxy.learning.links import LINKS
from proxy.learning.signals import SIGNALS
from proxy.stores import address


def test_the_settings_know_the_stores_schemes() -> None:
    assert settings.SCHEMES == address.SCHEMES


def test_the_policy_knows_what_the_jwt_source_takes() -> None:
    assert set(get_args(Algorithm)) == jwt_settings.ASYMMETRIC
    assert checks.LONGEST_LEEWAY == jwt_settings.LONGEST_LEEWAY


def test_the_policy_knows_the_catalogues_of_signals_and_links() -> None:
    assert dict(risk.SIGNALS) == {signal.name: signal.weight for signal in SIGNALS}
    assert dict(risk.LINKS) == {link.name: link.weight for link in LINKS}
    assert {term.name for term in (*SIGNALS, *LINKS) if term.shadow} == risk.IN_SHADOW


def test_the_command_knows_the_levels_of_tlp() -> None:
    assert tuple(tlp.IDS) == LEVELS
