"""How long to wait before the next attempt."""

from panelet_client.backoff import Backoff
from panelet_client.errors import PaneletError


def longest() -> Backoff:
    return Backoff(lambda most: most)


def test_doubles_up_to_five_seconds() -> None:
    backoff = longest()
    waits = [backoff.after(None, 0) for _ in range(9)]
    assert waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]


def test_starts_over_once_an_attachment_has_lived_for_a_second() -> None:
    backoff = longest()
    backoff.after(None, 0)
    backoff.lived(0.9)
    assert backoff.after(None, 0) == 0.1
    backoff.lived(1)
    assert backoff.after(None, 0) == 0.05


def test_takes_the_wait_that_is_asked_for_and_leaves_the_ceiling() -> None:
    backoff = longest()
    assert backoff.after(PaneletError("UNAVAILABLE", "", "CORDONED", retry_after=0), 0) == 0
    assert backoff.after(None, 0) == 0.05


def test_stays_low_for_a_while_after_ready() -> None:
    backoff = longest()
    backoff.ready(100)
    assert [backoff.after(None, 101) for _ in range(6)][-1] == 0.5
    assert backoff.after(None, 116) == 3.2
