"""What a client does after an error."""

import pytest

from panelet_client.errors import PaneletError, Verdict, verdict


def said(code: str, reason: str = "", node: str = "", retry_after: float | None = None) -> PaneletError:
    return PaneletError(code, "said", reason, node, retry_after)


@pytest.mark.parametrize(
    ("error", "opening", "attached"),
    [
        (said("UNAVAILABLE", "CORDONED"), Verdict.AGAIN, Verdict.AGAIN),
        (said("DEADLINE_EXCEEDED", "TIMEOUT"), Verdict.AGAIN, Verdict.AGAIN),
        (said("ABORTED", "FENCED"), Verdict.STOP, Verdict.STOP),
        (said("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED"), Verdict.STOP, Verdict.AGAIN),
        (said("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED", retry_after=1), Verdict.AGAIN, Verdict.AGAIN),
        (said("FAILED_PRECONDITION", "SESSION_ENDED"), Verdict.STOP, Verdict.OVER),
        (said("NOT_FOUND", "SESSION_UNKNOWN"), Verdict.STOP, Verdict.OVER),
        (said("NOT_FOUND", "SESSION_UNKNOWN", node="a"), Verdict.STOP, Verdict.OVER),
        (said("NOT_FOUND", "SESSION_UNKNOWN", node="b"), Verdict.AGAIN, Verdict.AGAIN),
        (said("NOT_FOUND", "PANEL_UNKNOWN"), Verdict.STOP, Verdict.STOP),
        (said("UNAUTHENTICATED", "IDENTITY_MISSING"), Verdict.STOP, Verdict.STOP),
        (said("INTERNAL", "A_REASON_OF_LATER"), Verdict.STOP, Verdict.STOP),
        (said("UNAVAILABLE", "A_REASON_OF_LATER"), Verdict.AGAIN, Verdict.AGAIN),
        # No reason: the transport is lost, whatever the code, but for what others than Panelet say.
        (said("INTERNAL"), Verdict.AGAIN, Verdict.AGAIN),
        (said("CANCELLED"), Verdict.AGAIN, Verdict.AGAIN),
        (said("UNIMPLEMENTED"), Verdict.STOP, Verdict.STOP),
        (said("PERMISSION_DENIED"), Verdict.STOP, Verdict.STOP),
    ],
)
def test_follows_the_table_of_the_reference(error: PaneletError, opening: Verdict, attached: Verdict) -> None:
    assert (verdict(error, False, "a"), verdict(error, True, "a")) == (opening, attached)


def test_names_reason_and_details() -> None:
    assert str(said("NOT_FOUND", "PANEL_UNKNOWN")) == "PANEL_UNKNOWN: said"
    assert str(said("UNAVAILABLE")) == "UNAVAILABLE: said"
