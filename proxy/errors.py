"""Few errors, named by whose fault it is.

A refusal is not an error: it is a value (`core.enforcement.Refuse`). These are raised where a step cannot go on.
"""


class StillgateError(Exception):
    """Base of every error of ours; never raised itself."""

    exit_code = 1


class ConfigError(StillgateError):
    """The operator's: a setting or a policy file. Shown in a line without a traceback."""

    exit_code = 2


class CallerError(StillgateError):
    """The caller's: a request that cannot be read. Answered with `status` in the caller's dialect, costs nothing."""

    def __init__(self, message: str, *, status: int = 400, code: str = "invalid_request", param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        """The request field at fault, where there is one."""


class UpstreamError(StillgateError):
    """The provider's: unreachable, or it broke off. `sent` says whether a byte of the request may have reached it."""

    def __init__(self, message: str, *, sent: bool, timed_out: bool = False) -> None:
        super().__init__(message)
        self.sent = sent
        self.timed_out = timed_out


class NoUpstreamError(UpstreamError):
    """The operator's settings name no upstream for this model and path."""

    def __init__(self) -> None:
        super().__init__("no upstream is configured for this model and path", sent=False)


class StoreError(StillgateError):
    """Ours: the store did not answer in time, or refused. The policy's `failure.store_lost` says what follows."""
