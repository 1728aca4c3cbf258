"""What is said of each problem: the fact that was found, what Segment does, how to mend it."""

from collections.abc import Mapping

from pixel_emulator.core.model import RuleSource, Severity
from pixel_emulator.core.problems.note_wording import NOTED_2018, NOTED_DOCUMENTED, NOTED_INFERRED
from pixel_emulator.core.problems.words import Texts, Words

# Delivery Overview lists these codes; https://segment.com/docs/connections/delivery-overview/
_DROPPED: Texts = {
    "bad_request": Words(
        "Undecodable: {cause}",
        "Segment drops what it cannot decode, although it answers 200 with the GIF.",
    ),
    "unknown_source": Words(
        "The write key is {found}",
        "Segment drops a call whose write key belongs to no source; copy the key from the "
        "settings of the source.",
    ),
    "no_user_anon_id": Words(
        "There is neither a userId nor an anonymousId",
        "Segment drops a call without an id; send userId, anonymousId or both.",
    ),
    "id_not_string": Words(
        "{path} is {value}",
        "Segment drops a call whose id is empty or no string; send text, or leave it out.",
    ),
    "event_not_defined": Words(
        "The track call has no event name",
        'Segment drops it then; say in `event` what happened, such as "Email Opened".',
    ),
    "event_not_string": Words(
        "event is {value}",
        "Segment drops a track call whose event is not a string; send the name as text.",
    ),
    "properties_not_object": Words(
        "properties is {value}",
        "Segment drops a call whose properties are not an object; send names with values.",
    ),
    "traits_not_object": Words(
        "traits is {value}",
        "Segment drops a call whose traits are not an object; send names with values.",
    ),
    "name_not_string": Words(
        "name is {value}",
        "Segment drops a call whose name is empty or no string; send text, or leave it out.",
    ),
    "category_not_string": Words(
        "category is {value}",
        "Segment drops a call whose category is empty or no string; send text, or leave it out.",
    ),
}

_DAMAGED_DOCUMENTED: Texts = {
    # "Blocked values": https://segment.com/docs/unify/identity-resolution/
    "constant_id": Words(
        "{path} is {value}",
        "Segment would merge everybody who shares such an id into one profile, and advises to "
        "block it; send each person's own id.",
    ),
}

_DAMAGED_2018: Texts = {
    "flat_key_conflict": Words(
        "{path} has a value and also parts behind a dot",
        "Segment keeps one of the two by chance; send either the value or the dotted parts.",
    ),
}

_DAMAGED_INFERRED: Texts = {
    "template_token": Words(
        "{path} still holds the template token {shown}",
        "Nothing replaced it, so Segment keeps this very text for every recipient; fill in the "
        "value before the pixel is built.",
    ),
    "literal_placeholder": Words(
        "{path} is {shown}, which stands for a value that was never filled in",
        "Segment takes it literally, the same for everybody; send the real value.",
    ),
    "group_id_missing": Words(
        "The group call has no groupId that is a filled string",
        "Segment requires it but lists no code for its lack, and probably keeps a call that joins "
        "nobody to a group; send the group's id.",
    ),
    "previous_id_missing": Words(
        "The alias call has no previousId that is a filled string",
        "Segment requires it but lists no code for its lack, and probably keeps an alias that ties "
        "nothing together; send the old id.",
    ),
    "user_id_missing": Words(
        "The alias call has no userId",
        "Segment requires it but lists no code for its lack, and probably keeps an alias that ties "
        "nothing together; send the new id.",
    ),
    "raw_json": Words(
        "data holds JSON that is not base64-encoded",
        "Segment's API description allows this but its published source drops it; encode the JSON "
        "as URL-safe base64.",
    ),
    "amp_parameter": Words(
        "The URL has a parameter named {shown}",
        "An `&` was escaped as `&amp;` once too often, so Segment reads a field of the wrong name; "
        "escape it exactly once, and only in HTML.",
    ),
    "misspelt_host": Words(
        "The host {value} is probably meant to be {meant}",
        "The call goes to somebody else or to nobody, and Segment never sees it; correct the host.",
    ),
    "invalid_host": Words(
        "{value} is no name that a host can have",
        "No client can look it up, so nothing is requested and Segment never sees the call; "
        "correct the host.",
    ),
    "folded_url": Words(
        "A line break and a blank stand in the URL",
        "A client drops the break but sends the blank, so Segment reads another text; relays cut "
        "lines over 998 characters so: send the mail as quoted-printable or base64.",
    ),
}

WORDS: Mapping[tuple[Severity, RuleSource], Texts] = {
    (Severity.DROP, RuleSource.DOCUMENTED): _DROPPED,
    (Severity.DAMAGE, RuleSource.DOCUMENTED): _DAMAGED_DOCUMENTED,
    (Severity.DAMAGE, RuleSource.SEGMENT_2018): _DAMAGED_2018,
    (Severity.DAMAGE, RuleSource.INFERRED): _DAMAGED_INFERRED,
    (Severity.NOTE, RuleSource.DOCUMENTED): NOTED_DOCUMENTED,
    (Severity.NOTE, RuleSource.SEGMENT_2018): NOTED_2018,
    (Severity.NOTE, RuleSource.INFERRED): NOTED_INFERRED,
}
"""Every problem code, worst first, under its severity and the source of its rule."""
