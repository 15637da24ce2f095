"""Ends that nobody has to wait for: a server takes a tenth of a second to stop, and there are hundreds of them."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager


@contextmanager
def left_behind():
    """A stack that is unwound in a thread once its block is over; what fails there is told by pytest."""
    stack = ExitStack()
    try:
        yield stack
    finally:
        threading.Thread(target=stack.close, name="leaving").start()
