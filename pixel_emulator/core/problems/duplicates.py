"""Calls that Segment has seen before: of each messageId it keeps the first one."""

from dataclasses import dataclass, field

from pixel_emulator.core.calls import KEPT, Call, Outcome, Problem
from pixel_emulator.core.problems.rules import problem


@dataclass(frozen=True, slots=True)
class SeenMessages:
    """The messageIds of one run so far.

    Segment de-duplicates by messageId, across all calls, for at least 24 hours (documented).
    """

    ids: set[str] = field(default_factory=set)

    def judge(
        self, call: Call | None, outcome: Outcome, problems: tuple[Problem, ...]
    ) -> tuple[Outcome, tuple[Problem, ...]]:
        """Outcome and problems of the next call, now that the earlier ones count.

        A dropped call takes no messageId. Damage counts more than being a duplicate.
        """
        message_id = ((call and call.payload) or {}).get("messageId")
        if outcome not in KEPT or not isinstance(message_id, str) or not message_id:
            return outcome, problems
        if message_id not in self.ids:
            self.ids.add(message_id)
            return outcome, problems
        problems = (*problems, problem("duplicate_message_id", "messageId", value=message_id))
        return Outcome.DUPLICATE if outcome is Outcome.DELIVERED else outcome, problems
