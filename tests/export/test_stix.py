"""Campaigns as STIX 2.1: what the library and its validator say of any, that nothing personal is in it, and that ids stay."""

import json
from dataclasses import replace
from typing import Any

import pytest
import stix2
from hypothesis import given, settings
from hypothesis import strategies as st
from stix2validator import ValidationOptions, validate_string

from proxy.export import tlp
from proxy.export.stix import TECHNIQUES, Origin, Revoked, bundle
from proxy.learning.campaign import Campaign
from tests.support.campaigns import AT, campaign, campaigns

DAY = 86400.0
ORIGIN = Origin("Example Inc.", "0.1.0", "abcdef012345", "shipped", 60.0, "amber", 30 * DAY, b"a secret of theirs")
CONFIRMED = {"c3": AT + 2 * DAY}


def objects(text: str, kind: str = "") -> list[dict[str, Any]]:
    return [each for each in json.loads(text)["objects"] if kind in {"", each["type"]}]


def one(text: str, kind: str) -> dict[str, Any]:
    (found,) = objects(text, kind)
    return found


def extension(found: dict[str, Any]) -> dict[str, Any]:
    (inside,) = found["extensions"].values()
    return dict(inside)


@settings(max_examples=40)
@given(st.lists(campaigns(), max_size=3, unique_by=lambda each: each.id), st.sampled_from(sorted(tlp.IDS)))
def test_the_library_reads_any_bundle_without_custom_content(found: list[Campaign], level: str) -> None:
    text = bundle(found, {}, replace(ORIGIN, level=level))
    read = stix2.parse(text, allow_custom=False)
    names = [each["id"] for each in read.objects]
    assert len(names) == len(set(names))
    assert sum(each["type"] == "campaign" for each in read.objects) == len(found)
    known = set(names)
    for each in read.objects:
        assert {each.get("source_ref", names[0]), each.get("target_ref", names[0]), *each.get("object_refs", ())} <= known


@settings(max_examples=40)
@given(campaigns())
def test_nothing_personal_is_in_it(found: Campaign) -> None:
    text = bundle([found], {}, ORIGIN)
    said = json.dumps(json.loads(text), ensure_ascii=False)
    for member in found.members:
        assert json.dumps(member.account, ensure_ascii=False)[1:-1] not in said
        assert json.dumps(member.organization, ensure_ascii=False)[1:-1] not in said
        assert ORIGIN.hashed(member.account) in said
    assert ORIGIN.secret.decode() not in said


@pytest.mark.parametrize("level", tlp.IDS)
def test_the_validator_finds_nothing_wrong(level: str) -> None:
    text = bundle([campaign(), replace(campaign("c4", 2), skeleton=(), addresses=(), payments=())], CONFIRMED, replace(ORIGIN, level=level))
    result = validate_string(text, ValidationOptions(version="2.1"))
    assert result.is_valid
    assert {line.partition("{")[2].partition("}")[0] for line in result.warnings} <= {"103", "202", "244", "302"}, (
        "ids that follow from content are UUIDv5, 'llm-api' is no known kind of account, and a page on the web has no hash"
    )


def test_the_same_twice_is_the_same_and_later_is_an_update() -> None:
    first = bundle([campaign()], CONFIRMED, ORIGIN)
    assert bundle([campaign()], CONFIRMED, ORIGIN) == first
    grown = replace(campaign(members=20), seen=AT + 5 * DAY, evidence=12.0, score=95.0)
    later = bundle([grown], CONFIRMED, ORIGIN)
    before, after = ({each["id"]: each for each in objects(text)} for text in (first, later))
    assert before.keys() <= after.keys()
    assert {name.partition("--")[0] for name in after.keys() - before.keys()} == {"user-account"}
    old, new = one(first, "campaign"), one(later, "campaign")
    assert (old["id"], old["created"]) == (new["id"], new["created"])
    assert (old["modified"], new["modified"]) == ("2030-03-19T17:46:40.000Z", "2030-03-22T17:46:40.000Z")
    assert json.loads(first)["id"] != json.loads(later)["id"]


def test_another_producer_tells_of_another_campaign_and_another_key_hashes_otherwise() -> None:
    mine = bundle([campaign()], CONFIRMED, ORIGIN)
    theirs = bundle([campaign()], CONFIRMED, replace(ORIGIN, producer="Other Inc.", secret=b"another secret!!"))
    assert one(mine, "campaign")["id"] != one(theirs, "campaign")["id"]
    users = [{each["user_id"] for each in objects(text, "user-account")} for text in (mine, theirs)]
    assert len(users[0]) == len(users[1]) == 12
    assert not users[0] & users[1]
    assert one(mine, "llm-template")["key_id"] != one(theirs, "llm-template")["key_id"]
    shared = [{each["id"] for each in objects(text, "extension-definition") + objects(text, "attack-pattern")} for text in (mine, theirs)]
    assert shared[0] == shared[1], "what everybody means is named alike"


def test_what_a_bundle_says() -> None:
    text = bundle([campaign()], CONFIRMED, ORIGIN)
    whole = one(text, "campaign")
    assert (whole["first_seen"], whole["last_seen"]) == ("2030-03-17T17:46:40Z", "2030-03-18T17:46:40Z")
    assert whole["objective"] == "Copying through their API: large-1, small-1"
    assert whole["confidence"] == 90
    assert whole["external_references"][0]["external_id"] == "AML.CS0056"
    detection = extension(whole)
    assert (detection["detector"], detection["detector_version"], detection["policy"]) == ("stillgate", "0.1.0", "abcdef012345")
    assert detection["false_positive_rate"] == pytest.approx(10 ** (-69.5 / 20), rel=0.01)
    assert (detection["threshold"], detection["false_positive_rate_at_threshold"]) == (60.0, 0.001)
    assert (detection["accounts"], detection["exchanges"], detection["output_tokens"]) == (12, 1234, 56_789)
    assert detection["links"] == ["coverage: 12 strangers fill one rare template"], "what is in shadow is not told"
    assert {each["external_references"][0]["external_id"] for each in objects(text, "attack-pattern")} == set(TECHNIQUES)
    uses = {(each["relationship_type"], each["target_ref"].partition("--")[0]) for each in objects(text, "relationship")}
    assert uses == {
        ("uses", "attack-pattern"), ("uses", "infrastructure"), ("indicates", "campaign"), ("based-on", "observed-data"),
        ("consists-of", "llm-client"),
    }  # fmt: skip


def test_indicators_have_patterns_and_an_end() -> None:
    text = bundle([campaign()], CONFIRMED, ORIGIN)
    template, client = objects(text, "indicator")
    assert template["pattern"] == "[llm-template:pieces[*] IN ('00000001', 'ffffffff')]"
    assert client["pattern"] == "[llm-client:addresses[*] IN ('ffffffffffffffff') OR llm-client:payments[*] IN ('0000000000000007')]"
    for each in (template, client):
        assert (each["valid_from"], each["valid_until"]) == ("2030-03-17T17:46:40Z", "2030-04-17T17:46:40Z")
        assert each["confidence"] == 90
        assert extension(each)["score"] == 69.5
    bare = replace(campaign(), skeleton=(), addresses=(), payments=(), software=())
    kinds = {each["type"] for each in objects(bundle([bare], CONFIRMED, ORIGIN))}
    assert not kinds & {"indicator", "infrastructure", "llm-client", "llm-template"}


@pytest.mark.parametrize("level", tlp.IDS)
def test_everything_that_was_found_is_marked(level: str) -> None:
    text = bundle([campaign()], CONFIRMED, replace(ORIGIN, level=level))
    assert extension(one(text, "marking-definition"))["tlp_2_0"] == level
    open_to_all = {"marking-definition", "extension-definition", "attack-pattern"}
    for each in objects(text):
        if each["type"] not in open_to_all and each.get("name") != "Stillgate":
            assert each["object_marking_refs"] == [tlp.IDS[level]], each["type"]


def test_nothing_confirmed_is_a_bundle_without_a_campaign() -> None:
    text = bundle([], {}, ORIGIN)
    stix2.parse(text, allow_custom=False)
    assert objects(text, "campaign") == []


@settings(max_examples=40)
@given(campaigns())
def test_what_is_taken_back_has_its_old_ids_and_is_later_and_revoked(found: Campaign) -> None:
    told = {each["id"]: each for each in objects(bundle([found], {}, ORIGIN))}
    at = max(found.first_seen, found.seen, *(member.since for member in found.members)) + 1.0
    text = bundle([], {}, ORIGIN, [Revoked(replace(found, members=()), at)])
    back = {each["id"]: each for each in objects(text) if each.get("revoked")}
    acted_upon = {name for name, each in told.items() if each["type"] in {"campaign", "indicator", "infrastructure"}}
    assert back.keys() == acted_upon
    assert all(each["modified"] > told[name]["modified"] and each["created"] == told[name]["created"] for name, each in back.items())
    assert not {"user-account", "observed-data", "relationship"} & {each["type"] for each in objects(text)}
    assert stix2.parse(text, allow_custom=False)


def test_the_validator_finds_nothing_wrong_with_what_is_taken_back() -> None:
    result = validate_string(bundle([campaign("c4")], {}, ORIGIN, [Revoked(campaign(), AT + 9 * DAY)]), ValidationOptions(version="2.1"))
    assert result.is_valid
