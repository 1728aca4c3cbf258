"""Calls that Segment has seen before: of each messageId it keeps the first one."""

from dataclasses import replace

from pixel_emulator.core.model import KEPT, Hit, Outcome
from pixel_emulator.core.problems.rules import problem

CODE = "duplicate_message_id"


class SeenMessages:
    """The messageIds of one run so far, the last `limit` of them (None: all).

    Segment de-duplicates by messageId, across all calls, for at least 24 hours (documented).
    `forgotten` says how many are no longer known.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._ids: dict[str, None] = {}
        self.forgotten = 0

    def begin_run(self) -> None:
        """Forget them all, as another run has never seen them."""
        self._ids.clear()

    def judge(self, hit: Hit) -> Hit:
        """What becomes of the next hit, now that the earlier ones count.

        A dropped call takes no messageId.
        """
        if hit.call is None or hit.call.payload is None or hit.outcome not in KEPT:
            return hit
        message_id = hit.call.payload.get("messageId")
        if not isinstance(message_id, str) or not message_id:
            return hit
        if message_id in self._ids:
            return repeated(hit)
        self._ids[message_id] = None
        if self._limit is not None and len(self._ids) > self._limit:
            del self._ids[next(iter(self._ids))]
            self.forgotten += 1
        return hit


def repeated(hit: Hit) -> Hit:
    """What becomes of a kept call whose messageId was seen before.

    Damage counts more than being a duplicate.
    """
    message_id = ((hit.call and hit.call.payload) or {}).get("messageId")
    return replace(
        hit,
        problems=(*hit.problems, problem(CODE, "messageId", value=message_id)),
        outcome=Outcome.DUPLICATE if hit.outcome is Outcome.DELIVERED else hit.outcome,
    )
