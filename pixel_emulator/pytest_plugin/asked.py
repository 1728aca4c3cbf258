"""What a test expects by itself, and whether it is there by now."""

from threading import Lock

from pixel_emulator.core.parser.expectations import Policies
from pixel_emulator.core.scenarios.expectation import Expectation
from pixel_emulator.core.scenarios.model import Scenario, Step
from pixel_emulator.core.verification.quick_check import QuickCheck
from pixel_emulator.core.verification.verdict import Verdict
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.pytest_plugin.judging import SILENT, lacking, verify_unproven
from pixel_emulator.pytest_plugin.places import Home
from pixel_emulator.pytest_plugin.pool import SharedCalls


class Asked:
    """The expectations of a test, of the calls of `pool` that no scenario file has claimed."""

    def __init__(self, pool: SharedCalls, home: Home, policies: Policies) -> None:
        self._pool, self._home, self._policies = pool, home, policies
        self._lock = Lock()
        self._plain = QuickCheck()
        self._expected: tuple[Expectation, ...] = ()
        self._silent = False

    def __bool__(self) -> bool:
        """Whether anything was expected, be it silence."""
        return bool(self._expected) or self._silent

    @property
    def scenario(self) -> Scenario:
        """All that was expected so far, as a scenario."""
        policies = self._policies
        return Scenario(
            steps=(Step(expectations=self._expected, location=self._home.location),),
            name=self._home.name,
            levels=SILENT if self._silent else policies.levels,
            same_event=policies.same_event and not self._silent,
            accepted=frozenset() if self._silent else policies.accepted,
            location=self._home.location,
        )

    def add(self, wanted: Expectation) -> Verdict | None:
        """Expect a call from now on; the verdict if any that is expected is lacking."""
        with self._lock:
            self._expected = (*self._expected, wanted)
            rest = self._pool.rest()
            if self._plain.has_all_calls(self._expected, rest.hits):
                return None
            return lacking(self.scenario, rest)

    def add_silence(self, *, proven: bool) -> Verdict:
        """Expect nothing else from now on; the verdict on what has come."""
        self._silent = True
        judge = verify if proven else verify_unproven
        return judge([self.scenario], self._pool.rest())

    def verdict(self) -> Verdict | None:
        """The verdict at the end of the test; None where a look shows that all is met."""
        evidence = self._pool.rest()
        with self._lock:
            if self._plain.is_met(self._expected, evidence):
                return None
        return verify_unproven([self.scenario], evidence)

    def forget(self) -> None:
        """Expect nothing any more."""
        with self._lock:
            self._expected, self._silent = (), False
