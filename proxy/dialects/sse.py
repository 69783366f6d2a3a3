"""Server-sent events (WHATWG HTML 9.2): what one whole frame says. Framing itself is `shaping.framing`."""


def data_of(frame: bytes) -> bytes:
    """The frame's data, its lines joined by LF; b"" where it has none (a comment, a ping)."""
    text = frame.rstrip(b"\r\n")
    if text.startswith(b"data:") and b"\n" not in text and b"\r" not in text:
        return text[5:].removeprefix(b" ")
    lines = (line for line in frame.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n") if line.startswith(b"data:"))
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines)


def event(data: bytes, name: str = "") -> bytes:
    """One frame of ours."""
    return (b"event: %b\n" % name.encode() if name else b"") + b"data: %b\n\n" % data
