"""The messages of all problem codes by severity and source, each with a call that has the problem.

A new code begins here: with what is wrong, what Segment does and how to mend it, and an example.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import NamedTuple

from pixel_emulator.core.model import RuleSource, Severity


class Example(NamedTuple):
    """A call that has a problem: the pixel URL, and how many times it is requested.

    `part` is appended to `url` so many `times`; in it `{n}` counts from 0.
    """

    url: str
    requests: int = 1
    part: str = ""
    times: int = 0

    def whole_url(self) -> str:
        """Return the URL with its repeated part."""
        return self.url + "".join(self.part.format(n=n) for n in range(self.times))


class Message(NamedTuple):
    """The message of a code.

    `fact` is a template for what is wrong. `summary` is a fixed text: what Segment does, and after
    the last semicolon how to correct the call. `example` is a call that has the problem; a text is
    the pixel URL. `mend` is given only if the summary does not say how to correct the call, because
    the message of each case does.
    """

    fact: str
    summary: str
    example: Example | str
    mend: str = ""


type Messages = Mapping[str, Message]
"""Messages by problem code."""


def _base64(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


_API = "https://api.segment.io/v1/pixel"
_SENDER = "writeKey=wk_example&userId=user_1"
_TRACK = f"{_API}/track?{_SENDER}&event=Signed+Up"
_PAGE = f"{_API}/page?{_SENDER}"
_JSON = '{"writeKey":"wk_example","userId":"user_1","event":"Signed Up"}'
_ENCODED = f"{_API}/track?data={_base64(_JSON)}"

_NOTES_DOCUMENTED: Messages = {
    "duplicate_message_id": Message(
        "The messageId {value} was seen before",
        "Segment keeps the first call with a messageId and discards the others, for at least 24 "
        "hours; leave the field out, or make it different for each call.",
        Example(f"{_TRACK}&messageId=m-1", requests=2),
    ),
    "baked_message_id": Message(
        "The pixel carries the messageId {value}",
        "If it stands in a template, Segment discards every open after the first, for at least 24 "
        "hours; leave the field out, Segment fills it in.",
        f"{_TRACK}&messageId=m-1",
    ),
    "message_id_too_long": Message(
        "messageId has {length} characters",
        "Segment allows at most 100; leave the field out, Segment fills it in.",
        Example(f"{_TRACK}&messageId=", part="m", times=101),
    ),
    "timestamp_invalid": Message(
        "{path} is {value}",
        "Segment asks for ISO 8601 with a time zone and may read anything else as another time; "
        'write it as "2030-01-31T12:30:00Z", or leave the field out.',
        f"{_TRACK}&timestamp=2030-01-31",
    ),
    "too_many_properties": Message(
        "{path} has {count} entries",
        "Segment allows at most 10,000; send fewer.",
        Example(_TRACK, part="&properties.p{n}=", times=10_001),
    ),
    "email_as_user_id": Message(
        "userId is the e-mail address {value}",
        "Segment advises against it, because addresses change and spread with the id; send the "
        "id of your database as userId, and the address as a trait.",
        f"{_API}/identify?writeKey=wk_example&userId=jane%40example.com",
    ),
    # https://segment.com/docs/connections/spec/email/
    "email_event_name": Message(
        'event is {value}, which Segment\'s e-mail spec spells "{name}"',
        "Segment hands the name on as it is, and destinations know only that spelling; rename it.",
        f"{_API}/track?{_SENDER}&event=email_opened",
    ),
    "email_properties": Message(
        "{path} is named {name} in Segment's e-mail spec",
        "Segment's own pixel example sends it, but destinations read the spec's field; send both.",
        f"{_API}/track?{_SENDER}&event=Email+Opened&properties.subject=Hello",
    ),
}

_NOTES_2018: Messages = {
    "ignored_parameters": Message(
        "Beside `data` the URL has {shown}",
        "Segment reads only `data` where there is one and ignores the rest; put what matters into "
        "the encoded JSON.",
        f"{_ENCODED}&properties.plan=pro",
    ),
    "malformed_parameter": Message(
        "The parameter {shown} has a percent sign that escapes nothing",
        "Segment silently discards such a parameter; write the percent sign as %25.",
        f"{_TRACK}&properties.discount=50%+off",
    ),
    "empty_data": Message(
        "`data` is empty",
        "Segment then reads the other parameters as the call; mend the code that builds the data.",
        f"{_TRACK}&data=",
    ),
    "repeated_data": Message(
        "The URL has more than one `data`",
        "Segment reads the first and ignores the others; send one pixel for each call.",
        f"{_ENCODED}&data=e30",
    ),
    "invalid_utf8": Message(
        "The data holds bytes that are not UTF-8",
        "Segment replaces them by U+FFFD; encode the text as UTF-8.",
        f"{_TRACK}&properties.city=K%F6ln",
    ),
    "lone_surrogate": Message(
        "The JSON holds one half of a surrogate pair",
        "Segment passes it on unchanged, and what reads it next may refuse or mangle it; cut texts "
        "between characters.",
        f"{_API}/track?data={_base64(_JSON[:-1] + ',"name":"\\ud83d"}')}",
    ),
    "duplicate_json_key": Message(
        "The key {shown} stands in one object more than once",
        "Segment keeps the last value; send each key once.",
        f"{_API}/track?data={_base64(_JSON[:-1] + ',"userId":"user_2"}')}",
    ),
}

_NOTES_INFERRED: Messages = {
    "semicolon": Message(
        "The query holds a raw `;`",
        "Servers split a query there, drop the pair, or read on; how Segment reads it today is "
        "not known; write %3B.",
        f"{_TRACK}&properties.a=1;properties.b=2",
    ),
    "fragment": Message(
        "The URL has a `#`",
        "A client keeps what stands behind it for itself, so Segment never sees it; write %23.",
        f"{_TRACK}&properties.item=#1",
    ),
    "double_encoded": Message(
        "{path} is {value}, which is percent-encoded once too often",
        "Segment decodes a query once and JSON not at all, and keeps the escapes as text; encode "
        "the value once in a query, and not at all before base64.",
        f"{_TRACK}&properties.sale=Spring%2520sale",
    ),
    "context_not_object": Message(
        "context is {value}",
        "Segment calls it an object but lists no code for anything else; send names with values.",
        f"{_TRACK}&context=web",
    ),
    "integrations_not_object": Message(
        "integrations is {value}",
        "Segment calls it an object but lists no code for anything else; send destinations with "
        "true or false.",
        f"{_TRACK}&integrations=all",
    ),
    "epoch_timestamp": Message(
        "{path} is {value}, which is a count and not a date",
        "Segment asks for ISO 8601 with a time zone and may not read anything else; write it as "
        '"2030-01-31T12:30:00Z", or leave the field out.',
        f"{_TRACK}&timestamp=1893456000",
    ),
    "baked_timestamp": Message(
        "The pixel carries the timestamp {value}",
        "If it stands in a template, Segment books the call at the time of sending, not of "
        "opening; leave the field out, Segment fills it in.",
        f"{_TRACK}&timestamp=2030-01-31T12:30:00Z",
    ),
    "event_on_page": Message(
        "event is {value} on a {type} call",
        "Segment counts no event for such a call; send a track call, or use `name`.",
        f"{_PAGE}&event=Signed+Up",
    ),
    "flat_numbers": Message(
        "{path} arrives as the string {value}",
        "Segment reads every value of the unencoded form as text, so sums and tracking plans miss "
        "it; encode the call as base64 to send a number.",
        f"{_TRACK}&properties.revenue=39.95",
    ),
    "misspelt_field": Message(
        "The field {path} is probably meant to be {meant}",
        "Segment reads a field only under its exact name and misses this one; rename it.",
        f"{_API}/page?writeKey=wk_example&anonymousId=visitor_1&user_id=user_1",
    ),
    "misplaced_id": Message(
        "{path} does not count as an id, and the call has no other",
        "Segment takes ids only from the top level of the call; move it there.",
        f"{_API}/page?writeKey=wk_example&properties.userId=user_1",
    ),
    "data_in_event_name": Message(
        "The event name {value} holds data that changes from call to call",
        "Segment makes a new event of every spelling, and reports fall apart; keep the name "
        "constant and put the data into properties.",
        f"{_API}/track?{_SENDER}&event=Order+12345+Completed",
    ),
    "long_url": Message(
        "The URL has {length} characters",
        "Some mail clients cut URLs at about 2,000, and Segment then gets a torn call; send less.",
        Example(f"{_TRACK}&properties.note=", part="x", times=2_000),
    ),
    "insecure_url": Message(
        "The URL begins with http://",
        "Mail clients may block it, and write key and ids travel in the open; write https://.",
        f"http://api.segment.io/v1/pixel/page?{_SENDER}",
    ),
}


# Delivery Overview lists these codes; https://segment.com/docs/connections/delivery-overview/
_DROPPED: Messages = {
    "bad_request": Message(
        "Undecodable: {cause}",
        "Segment drops what it cannot decode, although it answers 200 with the GIF.",
        f"{_API}/track?data=%21",
        mend="Send a JSON object as URL-safe base64 in `data`, or flat parameters.",
    ),
    "unknown_source": Message(
        "The write key is {key}",
        "Segment drops a call whose write key belongs to no source; copy the key from the "
        "settings of the source.",
        f"{_API}/page?userId=user_1",
    ),
    "no_user_anon_id": Message(
        "There is neither a userId nor an anonymousId",
        "Segment drops a call without an id; send userId, anonymousId or both.",
        f"{_API}/page?writeKey=wk_example",
    ),
    "id_not_string": Message(
        "{path} is {value}",
        "Segment drops a call whose id is empty or no string; send text, or leave it out.",
        f"{_PAGE}&anonymousId=",
    ),
    "event_not_defined": Message(
        "The track call has no event name",
        'Segment drops it then; say in `event` what happened, such as "Email Opened".',
        f"{_API}/track?{_SENDER}",
    ),
    "event_not_string": Message(
        "event is {value}",
        "Segment drops a track call whose event is not a string; send the name as text.",
        f"{_TRACK}&event=Opened",
    ),
    "properties_not_object": Message(
        "properties is {value}",
        "Segment drops a call whose properties are not an object; send names with values.",
        f"{_TRACK}&properties=pro",
    ),
    "traits_not_object": Message(
        "traits is {value}",
        "Segment drops a call whose traits are not an object; send names with values.",
        f"{_API}/identify?{_SENDER}&traits=pro",
    ),
    "name_not_string": Message(
        "name is {value}",
        "Segment drops a call whose name is empty or no string; send text, or leave it out.",
        f"{_PAGE}&name=",
    ),
    "category_not_string": Message(
        "category is {value}",
        "Segment drops a call whose category is empty or no string; send text, or leave it out.",
        f"{_PAGE}&category=",
    ),
}

_DAMAGED_DOCUMENTED: Messages = {
    # "Blocked values": https://segment.com/docs/unify/identity-resolution/
    "constant_id": Message(
        "{path} is {value}",
        "Segment would merge everybody who shares such an id into one profile, and advises to "
        "block it; send each person's own id.",
        f"{_API}/identify?writeKey=wk_example&userId=anonymous",
    ),
}

_DAMAGED_2018: Messages = {
    "flat_key_conflict": Message(
        "{path} has a value and also parts behind a dot",
        "Segment keeps one of the two by chance; send either the value or the dotted parts.",
        f"{_TRACK}&properties.plan=pro&properties=x",
    ),
}

_DAMAGED_INFERRED: Messages = {
    "template_token": Message(
        "{path} still holds the template token {shown}",
        "Nothing replaced it, so Segment keeps this very text for every recipient; fill in the "
        "value before the pixel is built.",
        f"{_TRACK}&properties.name=%7B%7Buser.name%7D%7D",
    ),
    "literal_placeholder": Message(
        "{path} is {shown}, which stands for a value that was never filled in",
        "Segment takes it literally, the same for everybody; send the real value.",
        f"{_API}/identify?writeKey=wk_example&userId=undefined",
    ),
    "group_id_missing": Message(
        "The group call has no groupId that is a filled string",
        "Segment requires it but lists no code for its lack, and probably keeps a call that joins "
        "nobody to a group; send the group's id.",
        f"{_API}/group?{_SENDER}",
    ),
    "previous_id_missing": Message(
        "The alias call has no previousId that is a filled string",
        "Segment requires it but lists no code for its lack, and probably keeps an alias that ties "
        "nothing together; send the old id.",
        f"{_API}/alias?{_SENDER}",
    ),
    "user_id_missing": Message(
        "The alias call has no userId",
        "Segment requires it but lists no code for its lack, and probably keeps an alias that ties "
        "nothing together; send the new id.",
        f"{_API}/alias?writeKey=wk_example&anonymousId=visitor_1&previousId=user_0",
    ),
    "raw_json": Message(
        "data holds JSON that is not base64-encoded",
        "Segment's API description allows this but its published source drops it; encode the JSON "
        "as URL-safe base64.",
        f"{_API}/track?data={_JSON}",
    ),
    "amp_parameter": Message(
        "The URL has a parameter named {shown}",
        "An `&` was escaped as `&amp;` once too often, so Segment reads a field of the wrong name; "
        "escape it exactly once, and only in HTML.",
        f"{_TRACK}&amp;properties.plan=pro",
    ),
    "misspelt_host": Message(
        "The host {value} is probably meant to be {meant}",
        "The call goes to somebody else or to nobody, and Segment never sees it; correct the host.",
        f"https://api.segmnet.io/v1/pixel/page?{_SENDER}",
    ),
    "invalid_host": Message(
        "{value} is no name that a host can have",
        "No client can look it up, so nothing is requested and Segment never sees the call; "
        "correct the host.",
        f"https://my..pixels.example.com/v1/pixel/page?{_SENDER}",
    ),
    "folded_url": Message(
        "A line break and a blank stand in the URL",
        "Relays fold lines over 998 characters so, and a client drops the break but sends the "
        "blank, so Segment reads another text; send the mail as quoted-printable or base64.",
        f"{_TRACK}&properties.name=Jane\n Doe",
    ),
}

MESSAGES: Mapping[tuple[Severity, RuleSource], Messages] = {
    (Severity.DROP, RuleSource.DOCUMENTED): _DROPPED,
    (Severity.DAMAGE, RuleSource.DOCUMENTED): _DAMAGED_DOCUMENTED,
    (Severity.DAMAGE, RuleSource.SEGMENT_2018): _DAMAGED_2018,
    (Severity.DAMAGE, RuleSource.INFERRED): _DAMAGED_INFERRED,
    (Severity.NOTE, RuleSource.DOCUMENTED): _NOTES_DOCUMENTED,
    (Severity.NOTE, RuleSource.SEGMENT_2018): _NOTES_2018,
    (Severity.NOTE, RuleSource.INFERRED): _NOTES_INFERRED,
}
"""The messages of all problem codes by severity and source of the rule, worst first."""
