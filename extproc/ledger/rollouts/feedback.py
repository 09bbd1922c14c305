"""What users said of the exchanges of a rollout."""

from __future__ import annotations

from sqlalchemy import Select, and_, exists, or_, select

from extproc.domain.feedback import FeedbackType
from extproc.ledger.schema import ENTRIES, FEEDBACK


def thumbs_down(rollout: str, model: str, since_us: int) -> Select[str, int, int]:
    """Arm, step and unit of each exchange that a user gave a thumb down, in the order in which they were stored.

    A user who gave a thumb up later has changed their mind. An exchange counts once, also if several users say it.

    Args: since_us: when the rollout began; an index finds what came later.
    """
    later = FEEDBACK.alias()
    changed = exists().where(
        later.c.exchange == FEEDBACK.c.exchange,
        later.c.user_id == FEEDBACK.c.user_id,
        later.c.type == FeedbackType.POSITIVE.value,
        or_(
            later.c.changed_at_us > FEEDBACK.c.changed_at_us,
            and_(later.c.changed_at_us == FEEDBACK.c.changed_at_us, later.c.type > FEEDBACK.c.type),
        ),
    )
    given = (
        select(FEEDBACK.c.exchange)
        .where(
            FEEDBACK.c.created_at_us >= since_us,
            FEEDBACK.c.model == model,
            FEEDBACK.c.type == FeedbackType.NEGATIVE.value,
            ~changed,
        )
        .distinct()
        .subquery()
    )
    return (
        select(ENTRIES.c.arm, ENTRIES.c.rollout_step, ENTRIES.c.unit)
        .join(given, given.c.exchange == ENTRIES.c.exchange)
        .where(ENTRIES.c.rollout == rollout)
        .order_by(ENTRIES.c.number)
    )
