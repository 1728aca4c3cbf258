"""What is said of notes: the call is kept, but somebody may be sorry."""

from pixel_emulator.core.problems.words import Texts, Words

NOTED_DOCUMENTED: Texts = {
    "duplicate_message_id": Words(
        "The messageId {value} was seen before",
        "Segment keeps the first call with a messageId and discards the others, for at least 24 "
        "hours; leave the field out, or make it different for each call.",
    ),
    "baked_message_id": Words(
        "The pixel carries the messageId {value}",
        "If it stands in a template, Segment discards every open after the first, for at least 24 "
        "hours; leave the field out, Segment fills it in.",
    ),
    "message_id_too_long": Words(
        "messageId has {length} characters",
        "Segment allows at most 100; leave the field out, Segment fills it in.",
    ),
    "timestamp_invalid": Words(
        "{path} is {value}",
        "Segment asks for ISO 8601 with a time zone and may read anything else as another time; "
        'write it as "2030-01-31T12:30:00Z", or leave the field out.',
    ),
    "too_many_properties": Words(
        "{path} has {count} entries",
        "Segment allows at most 10,000; send fewer.",
    ),
    "email_as_user_id": Words(
        "userId is the e-mail address {value}",
        "Segment advises against it, because addresses change and spread with the id; send the "
        "id of your database as userId, and the address as a trait.",
    ),
    # https://segment.com/docs/connections/spec/email/
    "email_event_name": Words(
        'event is {value}, which Segment\'s e-mail spec spells "{name}"',
        "Segment hands the name on as it is, and destinations know only that spelling; rename it.",
    ),
    "email_properties": Words(
        "{path} is named {name} in Segment's e-mail spec",
        "Segment's own pixel example sends it, but destinations read the spec's field; send both.",
    ),
}

NOTED_2018: Texts = {
    "ignored_parameters": Words(
        "Beside `data` the URL has {shown}",
        "Segment reads only `data` where there is one and ignores the rest; put what matters into "
        "the encoded JSON.",
    ),
    "malformed_parameter": Words(
        "The parameter {shown} has a percent sign that escapes nothing",
        "Segment silently discards such a parameter; write the percent sign as %25.",
    ),
    "empty_data": Words(
        "`data` is empty",
        "Segment then reads the other parameters as the call; mend the code that builds the data.",
    ),
    "repeated_data": Words(
        "The URL has more than one `data`",
        "Segment reads the first and ignores the others; send one pixel for each call.",
    ),
    "invalid_utf8": Words(
        "The data holds bytes that are not UTF-8",
        "Segment replaces them by U+FFFD; encode the text as UTF-8.",
    ),
    "lone_surrogate": Words(
        "The JSON holds one half of a surrogate pair",
        "Segment passes it on unchanged, and what reads it next may refuse or mangle it; cut texts "
        "between characters.",
    ),
    "duplicate_json_key": Words(
        "The key {shown} stands in one object more than once",
        "Segment keeps the last value; send each key once.",
    ),
}

NOTED_INFERRED: Texts = {
    "semicolon": Words(
        "The query holds a raw `;`",
        "Servers split a query there, drop the pair, or read on; how Segment reads it today is "
        "not known; write %3B.",
    ),
    "fragment": Words(
        "The URL has a `#`",
        "A client keeps what stands behind it for itself, so Segment never sees it; write %23.",
    ),
    "double_encoded": Words(
        "{path} is {value}, which is percent-encoded once too often",
        "Segment decodes a query once and JSON not at all, and keeps the escapes as text; encode "
        "the value once in a query, and not at all before base64.",
    ),
    "context_not_object": Words(
        "context is {value}",
        "Segment calls it an object but lists no code for anything else; send names with values.",
    ),
    "integrations_not_object": Words(
        "integrations is {value}",
        "Segment calls it an object but lists no code for anything else; send destinations with "
        "true or false.",
    ),
    "epoch_timestamp": Words(
        "{path} is {value}, which is a count and not a date",
        "Segment asks for ISO 8601 with a time zone and may not read anything else; write it as "
        '"2030-01-31T12:30:00Z", or leave the field out.',
    ),
    "baked_timestamp": Words(
        "The pixel carries the timestamp {value}",
        "If it stands in a template, Segment books the call at the time of sending, not of "
        "opening; leave the field out, Segment fills it in.",
    ),
    "event_on_page": Words(
        "event is {value} on a {type} call",
        "Segment counts no event for such a call; send a track call, or use `name`.",
    ),
    "flat_numbers": Words(
        "{path} arrives as the string {value}",
        "Segment reads every value of the unencoded form as text, so sums and tracking plans miss "
        "it; encode the call as base64 to send a number.",
    ),
    "misspelt_field": Words(
        "The field {path} is probably meant to be {meant}",
        "Segment reads a field only under its exact name and misses this one; rename it.",
    ),
    "misplaced_id": Words(
        "{path} does not count as an id, and the call has no other",
        "Segment takes ids only from the top level of the call; move it there.",
    ),
    "data_in_event_name": Words(
        "The event name {value} holds data that changes from call to call",
        "Segment makes a new event of every spelling, and reports fall apart; keep the name "
        "constant and put the data into properties.",
    ),
    "long_url": Words(
        "The URL has {length} characters",
        "Some mail clients cut URLs at about 2,000, and Segment then gets a torn call; send less.",
    ),
    "insecure_url": Words(
        "The URL begins with http://",
        "Mail clients may block it, and write key and ids travel in the open; write https://.",
    ),
}
