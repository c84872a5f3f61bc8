"""Workers side by side, and an end that waits for all of them, however it comes."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["until_interrupted", "work_off"]

Item = TypeVar("Item")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def work_off(
    items: Sequence[Item], do: Callable[[Item], Awaitable[None]], *, at_once: int
) -> None:
    """Do every item in order, at most `at_once` at a time.

    Where one raises no more are begun, those under way are cancelled and waited for, and what it
    raised is raised. So it is where the caller is cancelled, and each time again.
    """
    waiting = iter(items)

    async def worker() -> None:
        for item in waiting:
            await do(item)

    workers = [asyncio.create_task(worker()) for _ in range(min(at_once, len(items)))]
    cancelled = False
    while pending := [each for each in workers if not each.done()]:
        try:
            await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
        except asyncio.CancelledError:
            cancelled = True
        for each in pending:
            each.cancel()
    failures = [each.exception() for each in workers if not each.cancelled()]
    for failure in filter(None, failures):
        raise failure
    if cancelled:
        raise asyncio.CancelledError


async def until_interrupted(work: Coroutine[None, None, None]) -> bool:
    """Do the work; false where a signal, or whoever cancels the caller, made an end of it.

    Ctrl-C, TERM and a closed terminal cancel the work, each time again, and never raise where it
    happens to be. Returns, or raises what the work raises, only when the work has ended.
    """
    task = asyncio.create_task(work)
    with _on_signals(task.cancel):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                task.cancel()
    if not task.cancelled():
        task.result()
    return not task.cancelled()


@contextmanager
def _on_signals(do: Callable[[], object]) -> Iterator[None]:
    # Only the main thread hears signals; one that is ignored (`nohup`) stays so.
    heard = _SIGNALS if threading.current_thread() is threading.main_thread() else ()
    before = {
        number: handler
        for number in heard
        if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)
    }
    loop = asyncio.get_running_loop()
    for number in before:
        loop.add_signal_handler(number, do)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
