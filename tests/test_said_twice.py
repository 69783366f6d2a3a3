"""Facts that two rooms on one floor need, and neither may take from the other: written twice, and the same."""

from typing import get_args

from proxy.config import checks, settings
from proxy.config.model_identity import Algorithm
from proxy.identity import jwt_settings
from proxy.stores import address


def test_the_settings_know_the_stores_schemes() -> None:
    assert settings.SCHEMES == address.SCHEMES


def test_the_policy_knows_what_the_jwt_source_takes() -> None:
    assert set(get_args(Algorithm)) == jwt_settings.ASYMMETRIC
    assert checks.LONGEST_LEEWAY == jwt_settings.LONGEST_LEEWAY
