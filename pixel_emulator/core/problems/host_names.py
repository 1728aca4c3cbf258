"""Names of hosts: how a client reads them, and when one is another one misspelt."""

from encodings.idna import nameprep

_LONGEST = 1_000  # characters that are mapped; no name of DNS has more than 253
_LONGEST_LABEL = 63


def idna_mapped(host: str) -> str:
    """Return the host with the characters that clients take for others replaced.

    Full-width letters and ideographic full stops are the usual ones to them, and what nobody sees
    is none (https://url.spec.whatwg.org/#idna). Other letters stay, and so does what is no name.
    """
    if host.isascii() or len(host) > _LONGEST:
        return host
    try:
        return nameprep(host.replace("\u3002", "."))
    except UnicodeError:
        return host


def is_misspelt(host: str, meant: str) -> bool:
    """Return True if one edit turns one name into the other, or if it only looks like it.

    An edit inserts, removes or replaces a character, or swaps two neighbours. Names that differ
    in digits alone, as `eu1` and `eu2`, belong to different machines. A name looks like another
    one if all that differs are letters outside ASCII, of other scripts or with accents.
    """
    if host == meant:
        return False
    return _is_one_edit(host, meant) or _is_lookalike(host, meant)


def _is_one_edit(host: str, meant: str) -> bool:
    if abs(len(host) - len(meant)) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(host, meant, strict=False)) if a != b), None)
    if start is None:
        start = min(len(host), len(meant))
    rest, wanted = host[start:], meant[start:]
    while rest and wanted and rest[-1] == wanted[-1]:
        rest, wanted = rest[:-1], wanted[:-1]
    if len(rest) == len(wanted) == 2:
        return rest == wanted[::-1]
    return max(len(rest), len(wanted)) == 1 and not (rest + wanted).isdecimal()


def _is_lookalike(host: str, meant: str) -> bool:
    host = ".".join(map(_unicode, host.split(".")))
    return len(host) == len(meant) and all(
        a == b or not a.isascii() for a, b in zip(host, meant, strict=True)
    )


def _unicode(label: str) -> str:
    if not label.startswith("xn--") or len(label) > _LONGEST_LABEL:
        return label
    try:
        return label[4:].encode().decode("punycode")
    except UnicodeError:
        return label
