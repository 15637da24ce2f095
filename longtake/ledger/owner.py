"""Who a process is, so that another can tell whether it still lives.

A lease ends by the clock. On the same machine there is a quicker and surer way: the process is gone. That may only be
concluded within one boot and one pid namespace, so both are part of the name. Who asked the process, such as an agent, may follow.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

_UNKNOWN = "-"
_LONGEST = 80
"""Characters of the name of who asked."""

PROC = Path("/proc")
"""Where Linux shows its processes."""


def _read(path: str) -> str:
    try:
        return (PROC / path).read_text().strip()
    except OSError:
        return _UNKNOWN


def _machine() -> str:
    """This boot and this pid namespace, or `-` where the system does not say (no /proc)."""
    try:
        namespace = str((PROC / "self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return _UNKNOWN
    boot = _read("sys/kernel/random/boot_id").replace("-", "")[:12]
    return f"{boot}.{namespace}" if boot != _UNKNOWN else _UNKNOWN


def _started(pid: int) -> str:
    """The start time of a process in clock ticks since boot: pids are used again, a pid with its start time is not."""
    stat = _read(f"{pid}/stat")
    if stat == _UNKNOWN:
        return _UNKNOWN
    fields = stat.rpartition(")")[2].split()
    return _UNKNOWN if fields[0] in {"Z", "X"} else fields[19]


@functools.cache
def _name(pid: int) -> str:
    import socket  # noqa: PLC0415 - `longtake plan` names no owner

    return f"{socket.gethostname()}/{_machine()}/{pid}/{_started(pid)}"


def current(asked_by: str = "") -> str:
    """The name of this process: `host/machine/pid/start`, and behind another slash who asked it, where anyone did."""
    asker = cleaned(asked_by)
    return f"{_name(os.getpid())}/{asker}" if asker else _name(os.getpid())


def cleaned(name: str) -> str:
    """A name that others chose, for one line: printable characters, single spaces, up to 80 characters."""
    plain = "".join(char if char.isprintable() else " " for char in name[: 10 * _LONGEST])
    return " ".join(plain.split())[:_LONGEST].rstrip()


def is_dead(owner: str) -> bool:
    """True only when the owner certainly no longer runs; False when it does, or when that cannot be known from here."""
    return _runs(owner) is False


def is_alive(owner: str) -> bool:
    """True only when the owner certainly runs on this machine."""
    return _runs(owner) is True


def _runs(owner: str) -> bool | None:
    """Whether the owner runs; None where that cannot be known from here."""
    parts = owner.split("/", 4)
    if len(parts) < 4 or not parts[2].isdigit():
        return None
    _, machine, pid, started = parts[:4]
    if _UNKNOWN in (machine, started) or machine != _machine():
        return None
    return None if _hidden(int(pid)) else _started(int(pid)) == started


def _hidden(pid: int) -> bool:
    """Whether a process exists that this user may not read: another user's, with /proc mounted with `hidepid`."""
    if _read(f"{pid}/stat") != _UNKNOWN:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
