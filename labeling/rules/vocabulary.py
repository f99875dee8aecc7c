"""Why: the closed lists of words of the desk protocol (DESIGN.md section 7, pinned).

Pure. States of rows (projects, items, assignments) live beside their own rules;
here are only the words that desks, REST and operations say to each other.
"""

from __future__ import annotations

from enum import StrEnum


class SkipReason(StrEnum):
    """Why an annotator passes an item on."""

    UNCLEAR = "unclear"
    TOO_HARD = "too_hard"
    OFF_LIMITS = "off_limits"
    BROKEN = "broken"
    OTHER = "other"


class RevokedReason(StrEnum):
    """Why a task left a desk without the annotator asking for it."""

    EXPIRED = "expired"
    PAUSED = "paused"
    WITHDRAWN = "withdrawn"
    REMOVED = "removed"
    TAKEN_OVER = "taken_over"


class IdleReason(StrEnum):
    """Why a desk holds fewer tasks than it wants."""

    NO_WORK = "no_work"
    QUOTA_REACHED = "quota_reached"
    PAUSED = "paused"
    NOT_QUALIFIED = "not_qualified"


class RefusedCode(StrEnum):
    """Why a message was not carried out."""

    INVALID = "invalid"
    LEASE_LOST = "lease_lost"
    QUOTA_REACHED = "quota_reached"
    PAUSED = "paused"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    RATE_LIMITED = "rate_limited"
    TOO_LARGE = "too_large"
    PROTOCOL = "protocol"
