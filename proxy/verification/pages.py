"""The pages that an account's owner sees: plain HTML from the server, without script, in light and dark, for a phone too.

Rule 1: everything that is put into a page is escaped here, but for the pieces that ways offer, which they escape themselves.
Rule 2: a page names its account masked only, and is neither stored, framed nor told to where its links lead.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape
from string import Template
from types import MappingProxyType

from proxy.verification.rules import Why

STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1.05rem/1.55 system-ui,sans-serif;max-width:38rem;margin:0 auto;padding:2rem 1.25rem;background:#fff;color:#1b1f24}"
    "h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.15rem;margin-top:2rem}"
    "code{overflow-wrap:anywhere}pre{overflow-x:auto;padding:.75rem;background:#eef1f4;border-radius:.4rem}"
    "button{font:inherit;min-height:3rem;width:100%;padding:.6rem 1rem;border:0;border-radius:.4rem;background:#0b5cad;color:#fff}"
    "button:focus-visible,a:focus-visible{outline:3px solid #d97a00;outline-offset:2px}a{color:#0b5cad}"
    "@media(prefers-color-scheme:dark){body{background:#14171b;color:#e6e9ec}pre{background:#22272d}a{color:#7ab8f5}}"
)

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

_FRAME = Template(
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="robots" content="noindex">\n'
    "<title>$title</title>\n<style>$style</style>\n</head>\n<body>\n<main>\n<h1>$title</h1>\n$body\n</main>\n</body>\n</html>\n"
)

_ASKED = Template(
    "<p>The owner of the account <strong>$account</strong> is asked to show who they are, because $why. "
    "Until then, requests of this account may be refused or answered in a reduced way.</p>\n"
    "<p>Nothing is decided by opening this page. Once you are verified, the next request is served again; your programs need no "
    "change and no restart.</p>\n$ways\n"
    "<h2>If this seems wrong</h2>\n<p>$contact</p>"
)

WORDS: Mapping[Why, tuple[int, str, str]] = MappingProxyType({
    Why.FORGED: (404, "This link is not valid", "Please copy it whole from the message that showed it, or make the request again."),
    Why.UNREADABLE: (
        410, "This link cannot be read here",
        "It was made with another key than this service has now. If the account is still asked to verify, its next refused request shows "
        "a link that is good.",
    ),
    Why.EXPIRED: (410, "This link has expired", "If the account is still asked to verify, its next refused request shows a new one."),
    Why.USED: (409, "This link was used before", "If the account is asked to verify again, its next refused request shows a new one."),
    Why.NOTHING: (409, "There is nothing to verify", "This account is not asked to verify. There is nothing you need to do."),
    Why.HELD: (403, "Verification does not change this", "A person has decided how this account is served, and a person must change it."),
    Why.REVIEW: (403, "A person must look at this", "How this account is served does not change until a person has looked at it."),
    Why.OTHER_ACCOUNT: (403, "This is about another account", "The link was made for another account than the message names."),
    Why.TOO_MANY: (403, "Too many accounts", "This identity has verified as many accounts as it may. Please verify with another one."),
    Why.NOT_PROVEN: (401, "That did not show who you are", "Please try again."),
    Why.NOT_SIGNED: (
        401, "The signature is not valid", "Sign as Standard Webhooks has it, with one of the secrets in verification.webhook_secrets.",
    ),
    Why.REPLAYED: (409, "This was received before", "Each message counts once."),
    Why.MALFORMED: (400, "This cannot be read", "Please check what was sent."),
    Why.TOO_OFTEN: (429, "Too many attempts", "Please wait a minute and try again."),
    Why.AWAY: (503, "Not just now", "Something that is needed does not answer. Please try again in a minute."),
    Why.NO_PAGE: (404, "There is no such page", "Please copy the link whole from the message that showed it."),
})  # fmt: skip
"""Status, title and what to do."""

NOBODY = frozenset({Why.NOTHING})
"""Where there is nobody to be asked anything."""


def headers(more_actions: str = "") -> dict[str, str]:
    """What every page is sent with. `more_actions`: where its forms may lead besides here."""
    policy = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'{more_actions}"
    return {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def asked(account: str, why: str, ways: Iterable[str], contact: str) -> str:
    """Who is asked, why, and what to do. `account` is masked; `ways` are HTML."""
    offered = "\n".join(filter(None, ways)) or (
        "<h2>How to verify</h2>\n<p>No way to verify is open on this page: the operator of this service does it for you.</p>"
    )
    return page(
        "Verify your account", _ASKED.substitute(account=escape(account), why=escape(why), ways=offered, contact=escape(_whom(contact)))
    )


def done(account: str, *, clear: bool) -> str:
    then = "its next request is served again" if clear else "a person will look at how it is served"
    return page("Verified", f"<p>Thank you. <strong>{escape(account)}</strong> is verified, and {then}.</p>")


def refused(why: Why, detail: str, contact: str) -> str:
    _, title, advice = WORDS[why]
    said = [detail, advice, *([] if why in NOBODY else [_whom(contact)])]
    return page(title, "\n".join(f"<p>{escape(part)}</p>" for part in said if part))


def page(title: str, body: str) -> str:
    return _FRAME.substitute(title=escape(title), style=STYLE, body=body)


def _whom(contact: str) -> str:
    return f"Please contact {contact or 'the operator of this service'}."
