"""The vocabulary of scenario files: the keys of each map, with their descriptions.

The parser refuses all other keys; the JSON Schema shows the descriptions in an editor.
"""

from pixel_emulator.core.model import Alphabet, CallType, Form

FILE = {
    "use": "Files whose definitions may be used here, relative to this one.",
    "define": "Names for values and matchers: `$name` stands for what is written here.",
    "defaults": "The keys that every scenario of this file has unless it sets them itself.",
    "scenarios": "The scenarios of this file, where it has several.",
}
"""The keys of a file, in addition to those of its one scenario."""

POLICIES = {
    "unexpected": "Kept calls that match no expectation.",
    "dropped": "Calls that Segment would drop.",
    "damaged": "Calls that Segment would keep, although they are wrong.",
    "duplicates": "Calls with a messageId that was seen before.",
    "unhandled": "Requests to the emulated hosts that are no pixel calls.",
}

ACTIONS = {
    "run": "A command: a text for the shell, or a list.",
    "open": "An HTML file or a mail, opened as a mail client would.",
    "send": "One call, sent through the proxy.",
    "replay": "A recording whose calls are sent again.",
    "wait": "A time to wait, as 200ms.",
}

_WAITING = {
    "order": "The order of the expected calls: any, listed, or strict (nothing between them).",
    "within": "How long a live run waits for the calls, as 5s; that is the default.",
    "quiet": "How long nothing more may come after them, as 100ms; that is the default.",
}

STEP = {
    "name": "The name of the step; no two steps have the same name.",
    "client": "The mail client that `open` fetches as.",
    "do": f"What to do before the calls come: {', '.join(ACTIONS)}.",
    "expect": "The calls that have to arrive, each exactly once unless it has `times`.",
    "never": "Calls that must not arrive.",
    **_WAITING,
    "since": "`start`: the expectations see the calls of all steps so far.",
}

SCENARIO = {
    "name": "The name of the scenario.",
    "tags": "Words to select scenarios by.",
    "let": "The variables: their names, or their names with a value or a matcher.",
    "cases": "Values of variables; each row is a test of its own.",
    "given": "The initial state: profiles, clock, seed.",
    "client": STEP["client"],
    "do": STEP["do"],
    "expect": STEP["expect"],
    "never": STEP["never"],
    "steps": "The parts of the scenario, one after the other.",
    **_WAITING,
    "deny": "Content that no request may have, kept or dropped.",
    "state": "The profiles that Segment would have at the end.",
    "plan": "A tracking plan that all calls have to follow, or one for each version.",
    **POLICIES,
}

DEFAULTS = {
    key: words
    for key, words in SCENARIO.items()
    if key not in ("name", "cases", "do", "expect", "steps", "state")
}
"""The keys of `defaults`: those that can apply to several scenarios."""

CALL_LINES = {
    "identify": "An identify call with this userId.",
    "track": "A track call with this event.",
    "page": "A page call with this name.",
    "screen": "A screen call with this name.",
    "group": "A group call with this groupId.",
    "alias": "An alias call with this userId.",
    "any": "A call of this type, or of any.",
    "dropped": "A call that Segment drops, for this reason if one is given.",
}

# Segment drops a call if one of TEXT_FIELDS is not text or one of MAP_FIELDS is not an object.
TEXT_FIELDS = ("userId", "anonymousId", "event", "name", "category", "writeKey", "source")
MAP_FIELDS = ("properties", "traits")
# https://segment.com/docs/connections/spec/common/
OTHER_FIELDS = (
    *("previousId", "groupId", "context", "integrations", "messageId", "channel", "version"),
    *("timestamp", "sentAt", "originalTimestamp", "receivedAt"),
)
FIELDS = (*TEXT_FIELDS, *MAP_FIELDS, *OTHER_FIELDS)
"""The fields of a call in an expectation; `source` is the name of the call's write key."""

PATTERN = {
    **CALL_LINES,
    **{field: f"The field `{field}` of the call." for field in FIELDS},
    "type": "The type of the call, beside `any` or `dropped`.",
    "request": "The HTTP request: how the call was fetched, and by which client.",
    "note": "A remark; it is shown with a failure.",
}
"""The keys of one shape of a call."""

TIMING = {
    "id": "A name that `after` may refer to.",
    "times": "How often: 1, 0, 2..4 or 1..; the default is 1.",
    "after": "The id of an expectation whose last call has to come before.",
    "within": "How soon after that, or after the step began, as 5s.",
}

EXPECTATION = {
    **PATTERN,
    **TIMING,
    "one-of": "Alternative shapes of the call; the keys beside `one-of` apply to each.",
}
"""The keys of an item of `expect`."""

REQUEST = {
    "host": "The host, as the client wrote it.",
    "path": "The path of the URL.",
    "form": "The form of the payload in the URL.",
    "alphabet": "The base64 alphabet: RFC 4648 section 4 (std) or 5 (url).",
    "padded": "Whether the base64 text was padded with `=`.",
    "user_agent": "The header User-Agent.",
    "referer": "The header Referer.",
    "client": "The mail client, recognized by its headers.",
    "fetch": "A person's open, a prefetch, an image proxy, or a HEAD.",
    "http": "The version, as HTTP/1.1.",
}

GIVEN = {
    "profiles": "The profiles that Segment has before.",
    "clock": "The time of the first call, as 2030-01-31T12:00:00Z.",
    "seed": "A whole number; generated ids are the same for the same seed.",
}

FORBIDDEN = {
    "contains": "The forbidden content: a text, or a matcher.",
    "in": "`everything`, or the path of the payload below which to look.",
    "except": "Paths of the payload where it is allowed.",
    "because": "The reason; it is shown with a failure.",
}

CALL_TYPES = tuple(map(str, CallType))
FORMS = tuple(map(str, Form))
ALPHABETS = tuple(map(str, Alphabet))
