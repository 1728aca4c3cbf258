"""What a run may have missed: clients that refuse our CA, unread requests, failures of ours."""

from collections import Counter


class Gaps:
    """The reasons to doubt that all calls are known; a journal guards it with its lock."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self._interruptions: list[str] = []
        self._unread = 0
        self._refused_handshakes: Counter[str] = Counter()
        self._reached: set[str] = set()

    def handshake_refused(self, host: str, *, abandoned: bool) -> None:
        """A client broke off its TLS handshake for `host`.

        `abandoned` means without an alert: browsers drop spare connections that way, so it
        counts only as long as no request has reached the host.
        """
        if not (abandoned and host in self._reached):
            self._refused_handshakes[host] += 1

    def reached(self, host: str) -> None:
        """A request for `host` arrived: the client has accepted our CA after all."""
        self._reached.add(host)
        self._refused_handshakes.pop(host, None)

    def interrupted(self, reason: str) -> None:
        """The run was stopped before its end; `reason` is a sentence without its full stop."""
        if reason not in self._interruptions:
            self._interruptions.append(reason)

    def unread(self) -> None:
        """A request could not be read."""
        self._unread += 1

    def sentences(self, calls: int, *, forgotten: int = 0) -> tuple[str, ...]:
        """One sentence for each reason.

        `calls` is how many have arrived, `forgotten` of how many the messageIds are unknown now.
        """
        found = [
            f"{_count(calls, 'call')}, {_count(count, 'TLS handshake')} for {host} "
            "refused by the client: it does not trust the CA of the emulator"
            for host, count in sorted(self._refused_handshakes.items())
        ]
        if self._unread:
            found.append(_unread(self._unread))
        if forgotten:
            found.append(_forgotten(forgotten))
        return (*found, *self._interruptions, *self.failures)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _unread(number: int) -> str:
    calls = "its call is" if number == 1 else "their calls are"
    return (
        f"{_count(number, 'request')} could not be read (answered 400, or cut off): {calls} unknown"
    )


def _forgotten(number: int) -> str:
    return (
        f"the first {_count(number, 'messageId')} of this run are forgotten (`max_calls`): a "
        "duplicate of one of them is not noticed"
    )
