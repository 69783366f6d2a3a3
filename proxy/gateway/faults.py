"""Errors turned into refusals: what a caller is told, in plain words, of each thing that can go wrong."""

from proxy.core.enforcement import Fault, Reason
from proxy.errors import CallerError, NoUpstreamError, UpstreamError


class TooManyFailuresError(CallerError):
    """An address that keeps trying credentials."""

    def __init__(self) -> None:
        message = "Too many failed logins from this address. Please wait a minute, then try with a valid API key."
        super().__init__(message, status=429, code=Reason.UNAUTHENTICATED.value)


_BY_CODE = {reason.value: reason for reason in Reason}


def of_caller(error: CallerError, reference: str) -> Fault:
    """The caller's own fault: 4xx, and no use in trying the same again."""
    reason = _BY_CODE.get(error.code, Reason.BAD_REQUEST)
    wait = 60.0 if isinstance(error, TooManyFailuresError) else None
    message = f"{error.message} Reference: {reference}."
    return Fault(reason, error.status, message, reference, param=error.param, retry_after=wait, retry=False)


def of_upstream(error: UpstreamError, reference: str) -> Fault:
    """The model side did not answer. 502, or 504 where it was silent too long (RFC 9110 15.6.3, 15.6.5)."""
    if isinstance(error, NoUpstreamError):
        message = f"No upstream here serves this model on this path. Choose another model, or ask the operator. Reference: {reference}."
        return Fault(Reason.MODEL_NOT_ALLOWED, 404, message, reference, param="model", retry=False)
    if error.timed_out:
        message = f"The model did not answer in time. Please try again. Reference: {reference}."
        return Fault(Reason.UPSTREAM_TIMEOUT, 504, message, reference)
    message = f"The model could not be reached. Please try again. Reference: {reference}."
    return Fault(Reason.UPSTREAM, 502, message, reference)


def broke_off(reference: str) -> Fault:
    """The model side broke off after the answer had begun."""
    message = f"The model broke off in the middle of this answer: what arrived is not complete. Reference: {reference}."
    return Fault(Reason.UPSTREAM, 502, message, reference)


def no_route(method: str, path: str, reference: str) -> Fault:
    """Refused by default: an unknown route could carry what no quota counts."""
    message = f"{method} {path[:200]} is not served here. The operator can open it in the policy's `routes:`. Reference: {reference}."
    return Fault(Reason.NO_ROUTE, 404, message, reference, retry=False)


def internal(reference: str) -> Fault:
    """Our own fault."""
    return Fault(Reason.INTERNAL, 500, f"Stillgate failed on this request. Please report reference {reference}.", reference)


def withheld(status: int, reference: str) -> Fault:
    """A provider's error may quote the request, and so reasoning that was put back into it."""
    message = (
        f"The model's provider did not take this request (status {status}). What it said may quote reasoning that is not shown to your "
        f"account, and is left out. Reference: {reference}."
    )
    return Fault(Reason.BAD_REQUEST if status < 500 else Reason.UPSTREAM, status, message, reference)  # noqa: PLR2004


def bad_headers(reference: str) -> Fault:
    """Header fields that cannot be passed on as they came."""
    return Fault(Reason.BAD_REQUEST, 400, f"A header field is not valid UTF-8. Reference: {reference}.", reference, retry=False)
