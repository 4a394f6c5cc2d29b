"""Do several things at once that wait for a network."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def each_at_once(
    items: Sequence[Item],
    work: Callable[[Item, threading.Event], None],
    most: int,
    done: Callable[[], None] = lambda: None,
) -> None:
    """Call *work* with every item, *most* at a time; *done* hears of each that has succeeded.

    The first error is raised, and whoever still works sees the event that is set then. Nobody
    waits for them: a person who interrupts a command does not sit out a slow network.
    """
    waiting: queue.SimpleQueue[Item] = queue.SimpleQueue()
    outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    over = threading.Event()

    def take() -> None:
        while not over.is_set():
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                work(item, over)
            except BaseException as error:  # noqa: BLE001 - raised where somebody waits for it
                outcomes.put(error)
            else:
                outcomes.put(None)

    for item in items:
        waiting.put(item)
    for _ in range(min(most, len(items))):
        threading.Thread(target=take, daemon=True).start()
    try:
        for _ in items:
            if error := outcomes.get():
                raise error
            done()
    finally:
        over.set()
