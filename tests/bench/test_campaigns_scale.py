"""`scale`: what is streamed is what it says, and one size can be measured."""

from collections import Counter

from bench.campaigns.scale import PREVALENCE, measured, observations
from proxy.learning.observation import SKETCH


def test_the_campaign_asks_as_often_as_the_published_ones() -> None:
    seen = list(observations(400, 2.0, 7))
    asked = Counter(each.account for each in seen)
    guilty = [asked[f"acct_{number:08x}"] for number in range(round(400 * PREVALENCE))]
    assert guilty == [52] * 10
    assert len(asked) == 400
    assert [each.at for each in seen] == sorted(each.at for each in seen)
    assert {len(each.sketch) for each in seen} == {0, SKETCH}
    assert all(bool(each.sketch) == each.opening for each in seen)


def test_the_same_seed_streams_the_same() -> None:
    assert list(observations(100, 1.0, 3)) == list(observations(100, 1.0, 3))


def test_a_size_is_measured() -> None:
    one = measured(300, 1.0, 7)
    assert (one.accounts, one.observations) == (300, len(list(observations(300, 1.0, 7))))
    assert one.rate > 0
    assert one.look > 0
    assert 0 <= one.found <= 1
