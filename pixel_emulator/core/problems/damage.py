"""Damage of calls that Segment keeps: unreplaced tokens, placeholders, shared ids."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from urllib.parse import unquote, unquote_plus

from pixel_emulator.core.model import (
    JSON,
    Call,
    CallType,
    Form,
    HttpRequest,
    Payload,
    Problem,
    path_text,
)
from pixel_emulator.core.problems.catalog import problem
from pixel_emulator.core.problems.host_names import idna_mapped, is_misspelt
from pixel_emulator.core.text.display import abbreviated_key, quoted

TOKEN = re.compile(
    r"""
      \{\{ (?:\$?\{)? [^{}]+ \}\}\}?          # Handlebars, Liquid, Jinja; Braze: {{${user_id}}}
    | \{\{ [^{}]* \Z                          # `{{#if x}}` in a URL: the `#` cuts it
    | %7[Bb]%7[Bb] [\w%.$-]{0,80}             # the same, percent-encoded once too often
    | \{% [^{}]+ %\}                          # Liquid, Jinja
    | \$\{ \s* [A-Za-z_] [^{}]* \}            # JavaScript, FreeMarker
    | \#\{ \s* [A-Za-z_@] [^{}]* \}           # Ruby, Pug
    | \*\| [A-Za-z] [^*]* (?<=\|) \*          # Mailchimp, also `*|NAME|Friend|*`
    | %% (?<!\d%%) (?: = [^%]+ = | !? [A-Za-z_] [\w. -]* ) %%
                                            # Marketing Cloud, Bronto; not `50%% off`
    | % (?<![\d%]%) [A-Z] [A-Z0-9_-]{1,60} % (?![0-9A-Fa-f]{2})
                                            # ActiveCampaign; not an escaped `%C3%BCBER%20`
    | \[ [A-Za-z] [\w\ .-]{0,60} , \s{0,9} fallback= [^][]{0,200} \]      # Campaign Monitor
    | \{! \s{0,9} [A-Za-z_$] [\w.$]{0,80} \}  # Salesforce
    | %recipient [\w.]* %                     # Mailgun
    | <% [^%]+ %>                             # ERB, EJS
    | (?: <% | &lt;% | %3[Cc]% ) (?: [=-] [^%]* | \s* [A-Za-z_] | \Z )  # the same, cut or escaped
    | \[\[ \s* (?!(?:true|false|null)\b) [A-Za-z_] [\w\ .:-]{0,60} \]\]    # no arrays in arrays
    | \[% [^%\[\]]+ %\]                       # Template Toolkit
    | <span\ class=["']?eloqua                # Eloqua
    """,
    re.VERBOSE,
)
"""A template token that was not replaced.

No two scans of a search overlap, so a search takes linear time. Each alternative begins with a
literal character, so `re` skips most texts without trying any.
"""

_MAX_TOKENS = 20  # reported for one call: 32 KB could hold thousands
_IDS = ("userId", "anonymousId", "groupId", "previousId")
_PLACEHOLDERS = frozenset(
    (
        *("undefined", "null", "NULL", "nil", "(null)", "None", "NaN", "nan", "[object Object]"),
        *("<no value>", "<nil>"),  # Go
    )
)
_YOUR_KEY = re.compile(r"<?(?:YOUR_[A-Z_]+|(?i:(?:your|segment)?[ _-]?write[ _-]?key))>?")
# Segment's suggested blocked values (documented): zeroes and dashes, -1, anonymous; and, as our
# generalisation, one letter repeated.
_CONSTANT = re.compile(r"[0-]+|-1|(?i:anonymous|([a-z])(?:-*\1){3,})")
# All of the above in one pattern: one match rules out most values.
_LITERAL_OR_CONSTANT = re.compile(
    "|".join(
        (
            *(rf"\s*{re.escape(word)}\s*" for word in sorted(_PLACEHOLDERS)),
            _YOUR_KEY.pattern,
            _CONSTANT.pattern,
        )
    )
)
# Required by Segment's documents, which list no code for them (inferred: kept).
_REQUIRED = {
    CallType.GROUP: (("groupId", "group_id_missing"),),
    CallType.ALIAS: (("previousId", "previous_id_missing"), ("userId", "user_id_missing")),
}

type _Node = tuple[_Node, str | int] | None
"""A place in a payload: the node of its container, and its key or index; None is the root."""


def damage_problems(call: Call, request: HttpRequest, text: str = "") -> Iterator[Problem]:
    """Yield the damage of a call that Segment keeps, or that of the URL of an undecoded call.

    `text` is that of `decode_with_text`.
    """
    payload = call.payload
    if payload is None:
        yield from _url_token(request)
        return
    advice = "No mail service replaces tokens inside base64." if call.form is Form.BASE64 else ""
    tokens = []
    if not text or _may_hold_token(text):
        tokens = [
            problem("template_token", path, shown=shown, advice=advice)
            for path, shown in islice(_tokens(payload), _MAX_TOKENS)
        ]
        yield from tokens
    # Only base64 hides the payload from the URL; in the other forms the token is reported already.
    if not tokens or call.form is Form.BASE64:
        yield from _url_token(request)
    yield from _literals(call.type, payload)
    for field, code in _REQUIRED.get(call.type, ()):
        value = payload.get(field)
        # A wrong userId is reported as `id_not_string`.
        if value is None or (field != "userId" and not (value and isinstance(value, str))):
            yield problem(code, field)


def _tokens(payload: Payload) -> Iterator[tuple[str, str]]:
    """Yield the path of each token, and the token as shown in a message."""
    containers: list[tuple[_Node, Payload | list[JSON]]] = [(None, payload)]
    search = TOKEN.search
    for node, container in containers:  # grows while it is iterated: breadth first, no recursion
        members: Iterable[tuple[str | int, JSON]] = (
            container.items() if isinstance(container, dict) else enumerate(container)
        )
        for key, value in members:
            token = search(key) if isinstance(key, str) else None
            if isinstance(value, str):
                token = token or search(value)
            elif isinstance(value, dict | list):
                containers.append(((node, key), value))
            if token:
                at = _path_to((node, key))
                yield path_text(at), (abbreviated_key if "writeKey" in at else quoted)(token[0])


def _may_hold_token(text: str) -> bool:
    """Return True if the text has the beginning of one of the alternatives of `TOKEN`."""
    return (
        "{{" in text
        or "%" in text
        or "${" in text
        or "#{" in text
        or "*|" in text
        or "<" in text
        or "[[" in text
        or "{!" in text
        or "fallback=" in text
    )


def _path_to(node: _Node) -> list[str | int]:
    at: list[str | int] = []
    while node:
        node, key = node
        at.append(key)
    return at[::-1]


def _url_token(request: HttpRequest) -> Iterator[Problem]:
    wire = request.target
    if not (b"{" in wire or b"%" in wire or b"*" in wire or b"<" in wire or b"[" in wire):
        return
    raw = request.target.decode("latin-1")
    # A token such as %%eaddr%% is an escape too, so the raw text is searched as well.
    decoded = unquote_plus(raw)
    token = TOKEN.search(decoded) if _may_hold_token(decoded) else None
    if token := token or TOKEN.search(raw):
        yield problem("template_token", shown=quoted(token[0]))


def _literals(call_type: CallType, payload: Payload) -> Iterator[Problem]:
    event = ("event",) if call_type is CallType.TRACK else ()
    for field in ("writeKey", *_IDS, *event):
        value = payload.get(field)
        if not isinstance(value, str) or not _LITERAL_OR_CONSTANT.fullmatch(value):
            continue
        if value.strip() in _PLACEHOLDERS or _YOUR_KEY.fullmatch(value):
            shown = abbreviated_key(value) if field == "writeKey" else quoted(value)
            yield problem("literal_placeholder", field, shown=shown)
        elif field in _IDS and _CONSTANT.fullmatch(value):
            yield problem("constant_id", field, value=value)


# https://url.spec.whatwg.org/#forbidden-domain-code-point; a URL with one of these in its host
# has no host, so nothing is requested.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f#%/:<>?@\[\\\]^|]")
_PORT = re.compile(r":\d*\Z")
_MAX_LABEL = 63  # octets; RFC 1035, section 2.3.4
_MAX_NAME = 253
_FOLD = re.compile(r"[\r\n][ \t]")


def url_text_problems(
    text: str, request: HttpRequest, hosts: Iterable[str] = ()
) -> Iterator[Problem]:
    """Yield the problems of a URL that its request does not show.

    `text` is the URL as written, `request` the one that a client makes; `hosts` are emulated.
    """
    yield from _host(request.host, tuple(map(_normalised, hosts)))
    if _FOLD.search(text.strip()):
        yield problem("folded_url")
    _, mark, fragment = text.partition("#")
    if mark:
        if token := TOKEN.match(f"#{fragment}"):
            yield problem("template_token", shown=quoted(token[0]))
        yield problem("fragment")


def _host(written: str, hosts: tuple[str, ...]) -> Iterator[Problem]:
    authority = unquote(written).rpartition("@")[2]
    host = _normalised(_PORT.sub("", authority))
    if host in hosts or host.startswith("["):  # an IPv6 address
        return
    if token := TOKEN.search(authority):
        yield problem("template_token", shown=quoted(token[0]))
    elif meant := next((name for name in hosts if is_misspelt(host, name)), None):
        yield problem("misspelt_host", value=host, meant=meant)
    elif not _can_exist(host):
        yield problem("invalid_host", value=host)


def _normalised(host: str) -> str:
    return idna_mapped(host).casefold().removesuffix(".")


def _can_exist(host: str) -> bool:
    """Return True if a client can look up the host; the empty host of a bare path is allowed."""
    if not host:
        return True
    labels = host.split(".")
    return (
        not _FORBIDDEN.search(host)
        and all(1 <= len(label) <= _MAX_LABEL for label in labels)
        and len(host) <= _MAX_NAME
    )
