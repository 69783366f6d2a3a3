"""The page itself: what it says to whom, how it is sent, and that anybody can read and use it."""

import base64
import hashlib
import logging
import re

import pytest

from proxy.core.ladder import Rung, Standing
from proxy.core.refusals import BY_HAND, USAGE
from proxy.sealing.keyring import Keyring
from proxy.sealing.links import Links
from proxy.verification import WAYS, pages
from proxy.verification.rules import Why
from tests.support.oidc import Page
from tests.verification.conftest import ACCOUNT, Site


def whole(text: str) -> Page:
    """The page, looked at as a screen reader and a strict browser would."""
    page = Page(text)
    assert page.open == [], "every tag is closed"
    assert text.startswith("<!doctype html>")
    assert page.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert len(page.all("title")) == len(page.all("h1")) == len(page.all("main")) == 1
    assert re.search(r"<title>(.+)</title>", text)[1] == re.search(r"<h1>(.+)</h1>", text)[1]  # type: ignore[index]
    for tag in ("script", "img", "link", "iframe"):
        assert page.all(tag) == []
    for field in page.all("input"):
        assert field["type"] == "hidden", "what is shown would need a label"
    for _, attributes in page.tags:
        assert not {"style", "onclick", "onload"} & set(attributes)
    headings = [tag for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert headings[0] == "h1"
    assert set(headings[1:]) <= {"h2"}
    assert "color-scheme:light dark" in text
    return page


async def test_the_page_says_why_what_to_do_and_whom_to_ask(site: Site) -> None:
    site.terms["contact"] = "<help@example.com>"
    link = await site.ask()
    status, text = await site.people.get(link)
    page = whole(text)
    assert status == 200
    for words in (
        "ann…com of a…e",
        "asked to show who",
        BY_HAND,
        "Nothing is decided by",
        "Verify with 127.0.0.1",
        "curl -X POST",
        "<help@example.com>",
    ):
        assert words in page.words
    assert ACCOUNT not in text
    assert "acme" not in text
    assert "a trial" not in text, "what operators write to each other"
    assert len(page.all("button")) == 1


async def test_who_was_brought_there_by_a_score_is_told_of_its_usage(site: Site) -> None:
    await site.standings.change(ACCOUNT, "acme", lambda _: Standing(Rung.CHALLENGED))
    _, text = await site.people.get(site.link())
    assert USAGE in Page(text).words
    assert BY_HAND not in Page(text).words


async def test_how_the_page_is_sent(site: Site) -> None:
    async with site.people.http.get(await site.ask()) as answer:
        headers, text = answer.headers, await answer.text()
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert (headers["Cache-Control"], headers["Referrer-Policy"], headers["X-Frame-Options"]) == ("no-store", "no-referrer", "DENY")
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert (policy["default-src"], policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'", "'none'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    style = re.search(r"<style>(.*)</style>", text, re.DOTALL)[1]  # type: ignore[index]
    assert policy["style-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"
    assert policy["form-action"].startswith("'self'")


async def test_people_get_pages_and_programs_get_problems(site: Site) -> None:
    await site.ask()
    cases = [
        (site.link() + "x", 404, "link_not_valid"),
        (site.link(at=site.clock() - 8 * 86400), 410, "link_expired"),
        (site.link("nobody"), 409, "nothing_to_verify"),
        (f"{site.url}/verify/", 404, "no_such_page"),
        (f"{site.url}/verify/a/b/c", 404, "no_such_page"),
        (f"{site.url}/verify/%00%ff<script>", 404, "link_not_valid"),
    ]
    for url, status, code in cases:
        found, text = await site.people.get(url)
        assert found == status, url
        assert "<script" not in text
        whole(text)
        found, answer = await site.send("GET", url)
        assert (found, answer["code"], answer["status"], answer["type"]) == (status, code, status, "about:blank")
        assert answer["title"]
        assert answer["detail"]


@pytest.mark.parametrize("rung", [Rung.THROTTLED, Rung.DEGRADED, Rung.BLOCKED])
async def test_who_is_held_by_hand_is_told_whom_to_ask(site: Site, rung: Rung) -> None:
    site.terms["contact"] = "help@example.com"
    status, text = await site.people.get(await site.ask(rung=rung))
    assert status == 403
    assert "A person has decided" in text
    assert "help@example.com" in text


async def test_a_link_made_with_another_key_is_none(site: Site) -> None:
    link = Links(Keyring(b"another" * 8)).make(ACCOUNT, "acme", site.clock())
    status, answer = await site.send("GET", f"{site.url}/verify/{link}")
    assert (status, answer["code"], answer["title"]) == (410, "link_of_another_key", "This link cannot be read here")
    assert "made with another key" in answer["detail"]


async def test_who_need_do_nothing_is_not_told_to_write_to_anybody(site: Site) -> None:
    site.terms["contact"] = "help@example.com"
    _, text = await site.people.get(site.link("nobody"))
    assert "nothing you need to do" in text
    assert "contact" not in Page(text).words
    _, text = await site.people.get(site.link(at=site.clock() - 8 * 86400))
    assert "If the account is still asked to verify" in text
    assert "help@example.com" in text


async def test_a_hold_on_a_rung_that_asks_is_answered_by_the_page(site: Site) -> None:
    site.terms["asking"] = frozenset({Rung.DEGRADED})
    status, text = await site.people.verify(await site.ask(rung=Rung.DEGRADED))
    assert status == 200, text
    assert "its next request is served again" in text
    assert await site.is_clear()


async def test_each_attempt_is_one_line_and_counted_and_tells_no_secret(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "proxy.verification")
    link = await site.ask()
    whole = {"way": "workload", "result": "not_proven", "account": ACCOUNT, "organization": "acme"}
    await site.send("POST", f"{link}/workload", headers={"Authorization": "Bearer a.canary.c"})
    await site.people.verify(link)
    await site.send("GET", link)
    await site.send("GET", f"{site.url}/verify/{'canary' * 9}")
    await site.send("GET", f"{site.url}/verify/no/such/page")
    told = [record.fields for record in caplog.records if record.getMessage() == "verification"]  # type: ignore[attr-defined]
    assert told == [
        whole, whole | {"way": "oidc", "result": "cleared"}, whole | {"way": "page", "result": "link_already_used"},
        {"way": "page", "result": "link_not_valid"},
    ]  # fmt: skip
    assert "canary" not in str([vars(record) for record in caplog.records])
    assert link.rsplit("/", 1)[1] not in str([vars(record) for record in caplog.records])
    counted = 'stillgate_verifications_total{way="oidc",result="cleared"} 1'
    assert counted in site.tally.text().decode().splitlines()


async def test_while_the_store_is_away_it_says_so(site: Site) -> None:
    link = await site.ask()
    site.store.hang()
    try:
        status, answer = await site.send("GET", link)
    finally:
        site.store.resume()
    assert (status, answer["code"]) == (503, "temporarily_unavailable")
    assert (await site.send("GET", link))[0] == 200


def test_whatever_is_put_into_a_page_is_escaped() -> None:
    evil = "<script>alert(1)</script>\"'&$title"
    texts = [pages.asked(evil, evil, [], evil), pages.done(evil, clear=True), *(pages.refused(why, evil, evil) for why in Why)]
    for text in texts:
        whole(text)
        assert "&lt;script&gt;" in text


def test_each_way_is_called_as_in_the_catalogue() -> None:
    assert {name: way.name for name, way in WAYS.items()} == {name: name for name in WAYS}  # type: ignore[attr-defined]
