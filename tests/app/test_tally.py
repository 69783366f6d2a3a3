"""The supervisor's own metric: in the format, and what was counted."""

from prometheus_client.parser import text_string_to_metric_families

from proxy.app.tally import Tally


def test_attempts_are_counted_by_way_and_result() -> None:
    tally = Tally()
    for way, result in (("oidc", "cleared"), ("webhook", "rejected"), ("oidc", "cleared")):
        tally(way, result)
    (family,) = text_string_to_metric_families(tally.text().decode())
    assert (family.name, family.type) == ("stillgate_verifications", "counter")
    found = {(sample.labels["way"], sample.labels["result"]): sample.value for sample in family.samples}
    assert found == {("oidc", "cleared"): 2.0, ("webhook", "rejected"): 1.0}


def test_what_never_happened_is_no_series() -> None:
    (family,) = text_string_to_metric_families(Tally().text().decode())
    assert family.samples == []
