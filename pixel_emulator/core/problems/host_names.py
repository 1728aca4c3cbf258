"""Host names: IDNA mapping, and detection of misspelt names."""

_MAX_MAPPED = 1_000  # characters; no DNS name has more than 253
_MAX_LABEL = 63


def idna_mapped(host: str) -> str:
    """Return the host after the IDNA mapping of clients (https://url.spec.whatwg.org/#idna).

    Full-width letters and ideographic full stops become the usual ones, and invisible characters
    are removed. Other letters are kept, and a host that is no valid name is returned as it is.
    """
    if host.isascii() or len(host) > _MAX_MAPPED:
        return host
    from encodings.idna import nameprep

    try:
        return nameprep(host.replace("\u3002", "."))
    except UnicodeError:
        return host


def is_misspelt(host: str, meant: str) -> bool:
    """Return True if one edit turns one name into the other, or if the two look the same.

    An edit inserts, removes or replaces a character, or swaps two neighbours. Names that differ
    only in digits, as `eu1` and `eu2`, are different machines and not misspelt. Two names look the
    same if they differ only in letters outside ASCII, of other scripts or with accents.
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
    old, new = host[start:], meant[start:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    if len(old) == len(new) == 2:
        return old == new[::-1]
    return max(len(old), len(new)) == 1 and not (old + new).isdecimal()


def _is_lookalike(host: str, meant: str) -> bool:
    host = ".".join(map(_unicode, host.split(".")))
    return len(host) == len(meant) and all(
        a == b or not a.isascii() for a, b in zip(host, meant, strict=True)
    )


def _unicode(label: str) -> str:
    if not label.startswith("xn--") or len(label) > _MAX_LABEL:
        return label
    try:
        return label[4:].encode().decode("punycode")
    except UnicodeError:
        return label
