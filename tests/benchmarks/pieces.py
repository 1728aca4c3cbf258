"""What the two dear parts of a call cost by themselves, in CPU: to classify it and to record it."""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

import yaml

from pixel_emulator.core.endpoint.urls import encode, request_from_url
from pixel_emulator.core.model import CallType, Dialect, Exchange, Form, HttpRequest
from pixel_emulator.core.problems.classify import classify
from pixel_emulator.core.recordings.entry import entry
from pixel_emulator.core.recordings.recording import Head, Redaction
from pixel_emulator.core.redaction.redact import redact
from pixel_emulator.runtime.recording_writer import RecordingWriter
from tests.benchmarks.client import HOST
from tests.benchmarks.figures import Figure, Result, alternate, compare
from tests.benchmarks.plan import Plan
from tests.benchmarks.traffic import HEADERS, template
from tests.hits import START, classified_hit

_BATCH = 8
"""So many requests may arrive together: one of each client."""
_FORMS: dict[str, tuple[Form, dict[str, Any], float | None]] = {
    "base64": (Form.BASE64, {}, 5),
    "base64, damaged": (Form.BASE64, {"userId": "{{user.id}}"}, None),
    "base64, dropped": (Form.BASE64, {"userId": ""}, None),
    "flat": (Form.FLAT, {}, None),
    "raw JSON": (Form.JSON, {}, None),
}


def classifying(plan: Plan) -> Result:
    """Decoding and classifying, against `json.loads` of the decoded base64 alone."""
    figures = []
    for name, (form, differs, goal) in _FORMS.items():

        def ours(form: Form = form, differs: dict[str, Any] = differs) -> float:
            requests = [_request(payload | differs, form) for payload in _payloads(plan)]
            return _cost(requests, lambda request: classify(request, Dialect.DOCUMENTED))

        def theirs(differs: dict[str, Any] = differs) -> float:
            requests = [_request(payload | differs, Form.BASE64) for payload in _payloads(plan)]
            data = [request.target.partition(b"data=")[2] for request in requests]
            padded = [encoded + b"=" * (-len(encoded) % 4) for encoded in data]
            return _cost(padded, lambda encoded: json.loads(urlsafe_b64decode(encoded)))

        runs = alternate(plan.rounds, {"ours": ours, "theirs": theirs})
        about = {"work": f"to decode and classify a call, {name}", "unit": "µs", "at_least": False}
        against = "`json.loads(urlsafe_b64decode(data))`"
        figures.append(compare(runs["ours"], runs["theirs"], against=against, goal=goal, **about))
    return Result(figures=tuple(figures))


def recording(plan: Plan) -> Result:
    """Recording into a file, against PyYAML's `CSafeDumper` without a file."""
    masked, kept = Redaction.WRITE_KEYS, Redaction.NONE
    return Result(
        figures=(
            _recorded(plan, "calls recorded in a second of CPU", masked, 1, 6),
            _recorded(plan, f"the same, {_BATCH} at a time", masked, _BATCH, 6),
            _recorded(plan, "the same, with `--keep-write-keys`", kept, _BATCH, None),
        )
    )


def _recorded(
    plan: Plan, work: str, redaction: Redaction, batch: int, goal: float | None
) -> Figure:
    def ours() -> float:
        exchanges = _exchanges(plan)
        head = Head(created=START, run="pieces", tool="benchmark", redaction=redaction)
        batches = [exchanges[n : n + batch] for n in range(0, len(exchanges), batch)]
        recorder = RecordingWriter(plan.folder / "pieces.yaml", head)
        return batch / _cost(batches, lambda exchange_batch: recorder.append(*exchange_batch)) * 1e6

    def theirs() -> float:
        data = [entry(redact(exchange)) for exchange in _exchanges(plan)]
        dump: Callable[..., str] = yaml.dump
        return 1e6 / _cost(
            data, lambda entry_data: dump([entry_data], Dumper=yaml.CSafeDumper, sort_keys=False)
        )

    runs = alternate(plan.rounds, {"ours": ours, "theirs": theirs})
    return compare(runs["ours"], runs["theirs"], work=work, against="PyYAML `CSafeDumper`",
                   unit="/s", goal=goal)  # fmt: skip


def _payloads(plan: Plan) -> list[dict[str, Any]]:
    """As many other calls as the plan has time for, a multiple of a batch."""
    count = max(1, int(60 * plan.seconds)) * _BATCH
    payloads = []
    for request in islice(template(HOST).requests(plan.number()), count):
        data = request.partition(b"data=")[2].partition(b" ")[0]
        payloads.append(json.loads(urlsafe_b64decode(data + b"=" * (-len(data) % 4))))
    return payloads


def _request(payload: dict[str, Any], form: Form) -> HttpRequest:
    made = request_from_url(encode(CallType.TRACK, payload, form=form))
    headers = tuple((name.lower(), value) for name, value in {"Host": HOST, **HEADERS}.items())
    return HttpRequest(target=made.target, headers=headers, client="127.0.0.1")


def _exchanges(plan: Plan) -> list[Exchange]:
    requests = [_request(payload, Form.BASE64) for payload in _payloads(plan)]
    made = (
        classified_hit(number, request, at=number) for number, request in enumerate(requests, 1)
    )
    return [replace(hit.exchange, digest=hit.request.digest) for hit in made]


def _cost[T](things: Iterable[T], work: Callable[[T], object]) -> float:
    """The µs of CPU that the work takes on one of the things."""
    done, start = 0, time.process_time()
    for thing in things:
        work(thing)
        done += 1
    return (time.process_time() - start) / done * 1e6
