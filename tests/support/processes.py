"""Processes that the tests' gateways start, as the system lists them."""

import subprocess


def _table() -> list[tuple[int, int, str]]:
    """(process, parent, command) of everything that runs; what has ended and was not waited for is left out."""
    listing = subprocess.run(["ps", "-ww", "-eo", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = (line.split(None, 3) for line in listing.stdout.splitlines())
    return [(int(row[0]), int(row[1]), row[3]) for row in rows if len(row) == 4 and not row[2].startswith("Z")]


def below(parent: int) -> dict[int, str]:
    """Commands of a process's children, and of theirs."""
    table, found = _table(), {}
    wave = [parent]
    while wave:
        wave = [pid for pid, above, _ in table if above in wave]
        found |= {pid: command for pid, _, command in table if pid in wave}
    return found


def alive(pids: dict[int, str]) -> dict[int, str]:
    """Those of `pids` that still run what they ran."""
    return {pid: command for pid, _, command in _table() if pids.get(pid) == command}
