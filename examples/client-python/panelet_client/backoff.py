"""How long to wait before the next attempt. Knows no clock: times are given to it, in seconds."""

from collections.abc import Callable

from .errors import PaneletError

FIRST, MOST = 0.05, 5.0
AFTER_READY_MOST, AFTER_READY_SECONDS = 0.5, 15.0
# An attachment that has lived for so long was a good one.
LIVED_SECONDS = 1.0


class Backoff:
    """`draw` gives a number of 0 to its argument, evenly, as `random.uniform(0, most)` does."""

    def __init__(self, draw: Callable[[float], float]) -> None:
        self._draw = draw
        self._tries = 0
        self._ready_at: float | None = None

    def lived(self, seconds: float) -> None:
        """An attachment is over that lived for so long."""
        if seconds >= LIVED_SECONDS:
            self._tries = 0

    def ready(self, now: float) -> None:
        """The worker has said that everything is safe: the first attempt comes at once, and a replacement is on its way."""
        self._ready_at = now
        self._tries = 0

    def after(self, error: PaneletError | None, now: float) -> float:
        """Seconds to wait after an attempt has failed, or an attachment has ended without a word."""
        if error is not None and error.retry_after is not None:
            return error.retry_after
        most = MOST
        if self._ready_at is not None and now - self._ready_at < AFTER_READY_SECONDS:
            most = AFTER_READY_MOST
        ceiling = min(most, FIRST * 2 ** min(self._tries, 20))
        self._tries += 1
        return self._draw(ceiling)
