"""Listening on a port: whether it is free, and the error when it is not."""

from __future__ import annotations

import errno
import socket

from longtake.errors import SettingsError


def check_free(what: str, host: str, port: int) -> None:
    """Bind the port once: an occupied port is then an error before anything is started.

    Args:
        what: the server that is about to listen, for the message.
        host: an IPv4 address of this machine.
        port: the port.

    Raises:
        SettingsError: it cannot listen there; says why.
    """
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise not_listening(what, host, port, error) from None


def not_listening(what: str, host: str, port: int, error: BaseException | None) -> SettingsError:
    """Return the error for a server that could not bind `host` and `port`, because of `error`."""
    place = f"{what} cannot listen on {host}:{port}"
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EADDRINUSE:
        step = "stop the program that uses the port, or choose another one with --port"
        return SettingsError(f"{place}: the port is taken by another program", next_step=step)
    if code == errno.EACCES:
        step = "choose a port from 1024 to 65535 with --port"
        return SettingsError(f"{place}: this user may not use that port", next_step=step)
    if code == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        step = "choose an address of this machine with --host, for example 127.0.0.1"
        return SettingsError(f"{place}: the address does not belong to this machine", next_step=step)
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error or "unknown reason")
    return SettingsError(f"{place}: {reason}", next_step="choose another port with --port")
