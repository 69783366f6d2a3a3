"""Server-sent events (WHATWG HTML 9.2): what one whole frame says. Framing itself is `shaping.framing`."""


def data_of(frame: bytes) -> bytes:
    """The frame's data, its lines joined by LF; b"" where it has none (a comment, a ping)."""
    if frame.startswith(b"data:") and frame.find(b"\n") >= len(frame.rstrip(b"\r\n")):
        return frame[5:].strip()
    lines = (line for line in frame.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n") if line.startswith(b"data:"))
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines)


def event(data: bytes, name: str = "") -> bytes:
    """One frame of ours."""
    return (b"event: %b\n" % name.encode() if name else b"") + b"data: %b\n\n" % data
