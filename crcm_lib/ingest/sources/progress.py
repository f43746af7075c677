"""Who is told how far reading has come: whoever asked for it, while they ask."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[dict], None]
_LISTENER: ContextVar[Listener] = ContextVar("listener", default=lambda event: None)


@contextmanager
def progress_to(listener: Listener) -> Iterator[None]:
    """Let a listener know what is read from here on.

    Parameters
    ----------
    listener
        Called with `{"event": "reading", "file": …, "records": …}` while a file is read, the records so far,
        with `read` in place of `reading` at its end, and with `{"event": "checking", "table": …}` when a
        table is validated. It may be called by a thread of the engine.
    """
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def current_listener() -> Listener:
    """The listener of this thread; another thread is given it."""
    return _LISTENER.get()
