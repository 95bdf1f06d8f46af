"""What every command that holds a session reports about it."""

from session import Session


def session_report(session: Session) -> dict:
    return {
        "session_id": session.id,
        "attachments": session.attachments,
        "gaps_ms": session.gaps_ms,
        "longest_gap_ms": max(session.gaps_ms, default=0),
        "drains": session.drains,
        "resets": session.resets,
        "duplicate_frames_dropped": session.duplicates_dropped,
        "failed_attempts": session.attempts_failed,
    }
