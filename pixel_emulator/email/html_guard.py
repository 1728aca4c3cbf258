"""Estimate the cost of parsing an HTML text in linear time, before parsing it.

An HTML parser (https://html.spec.whatwg.org/#parsing) searches its open elements at most tags, and
reopens formatting elements after each block that closed them. So some texts take time or memory
quadratic in their length, and very deep ones exhaust the stack. The guard keeps a list of open
elements that contains at least those of the parser: if it cannot know that an end tag has an
effect, it assumes none. So it may refuse a text that the parser could read, if thousands of end
tags are missing, but it never underestimates a text.
"""

import re
from collections import Counter

from pixel_emulator.email.limits import LimitError, Limits

_MARKUP = re.compile(r"<(?:(!--)|(/?)([A-Za-z][^\t\n\f\r />]*+)|[!/?])")
_COMMENT_END = re.compile(r"--!?>")
# The rest of a tag in its common form, and one attribute by the specification.
_PLAIN_REST = re.compile(
    r"""(?: [\t\n\f\r ]++ [^\t\n\f\r "'<>/=]++
            (?: = (?: "[^"]*+" | '[^']*+' | [^\t\n\f\r "'=<>`/]++ ) )?+ )*+ [\t\n\f\r ]*+ >""",
    re.VERBOSE,
)
_ATTRIBUTE = re.compile(
    r"""[\t\n\f\r /]*+ (?: (?P<end> > ) | =?+ [^\t\n\f\r />=]*+
        (?: [\t\n\f\r ]*+ = [\t\n\f\r ]*+
            (?: "[^"]*+ (?:"|\Z) | '[^']*+ (?:'|\Z) | (?=>) | [^\t\n\f\r >"'][^\t\n\f\r >]*+ | \Z )
        )?+ )""",
    re.VERBOSE,
)
_SHORTEST_ATTRIBUTE = 2  # characters, with the blank before it

_VOID = frozenset(
    {
        *("area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "image"),
        *("img", "input", "keygen", "link", "meta", "param", "source", "track", "wbr"),
    }
)
_RAW_TEXT = frozenset(
    {"iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp"}
)
_FORMATTING = frozenset(
    {
        *("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong"),
        *("tt", "u"),
    }
)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "center", "details", "dialog", "dir"),
        *("div", "dl", "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup"),
        *("hr", "listing", "main", "menu", "nav", "ol", "p", "plaintext", "pre", "search"),
        *("section", "summary", "ul", "xmp", "li", "dd", "dt"),
        *_HEADINGS,
    }
)
"""Elements that end a `<p>`."""

# Elements that a start tag closes if they are the innermost one.
_ENDED_BY = {
    **dict.fromkeys(_BLOCKS, frozenset({"p"})),
    "li": frozenset({"p", "li"}),
    "dd": frozenset({"p", "dd", "dt"}),
    "dt": frozenset({"p", "dd", "dt"}),
    "td": frozenset({"p", "td", "th"}),
    "th": frozenset({"p", "td", "th"}),
    "tr": frozenset({"p", "td", "th", "tr"}),
    "option": frozenset({"option"}),
}
# Elements that an end tag closes with its own element, if nothing else is open in that.
_ENDED_WITH = {
    **dict.fromkeys(_BLOCKS - {"p"}, frozenset({"p"})),
    **dict.fromkeys(("ul", "ol", "menu", "dir"), frozenset({"p", "li"})),
    "dl": frozenset({"p", "dd", "dt"}),
    "select": frozenset({"option"}),
    "td": frozenset({"p"}),
    "th": frozenset({"p"}),
    "tr": frozenset({"p", "td", "th"}),
    "ruby": frozenset({"rb", "rp", "rt", "rtc"}),
}
_CELLS = frozenset({"td", "th", "caption"})
# Scopes: an end tag has no effect on elements outside the innermost one.
_SCOPES = frozenset(
    {"applet", "caption", "html", "marquee", "object", "select", "table", "td", "template", "th"}
)
_SPECIAL = _SCOPES | _BLOCKS | {
    *("area", "base", "body", "button", "col", "colgroup", "frameset", "head", "iframe"),
    *("noembed", "noframes", "noscript", "param", "script", "source", "style", "tbody", "textarea"),
    *("tfoot", "thead", "title", "tr", "wbr"),
}  # fmt: skip
_SCOPED = _BLOCKS | {"applet", "button", "marquee", "object"}
# Other rules apply in these, until some start tag of HTML closes them.
_FOREIGN = frozenset({"math", "svg"})
_HTML = (
    _SPECIAL | _FORMATTING | _VOID | {"rb", "rp", "rt", "rtc", "ruby", "span", "sub", "sup", "var"}
)
_END_TAGS = {
    name: re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE) for name in sorted(_RAW_TEXT)
}
_SELF_CLOSED = re.compile(r"[\t\n\f\r \"']/>")
_ALIKE = 3  # equal formatting elements that the parser reopens; it forgets others
_CLONES = 32  # elements that one end tag of a misnested formatting element creates
_MOST_CLONES = 500_000


def check_html(html: str, limits: Limits) -> None:
    """Raise LimitError if parsing the text might take more than the limits allow."""
    if len(html) > limits.html_bytes:
        raise LimitError(f"its HTML has more than {limits.html_bytes:,} characters")
    _Guard(html, limits).run()


def open_elements(html: str, limits: Limits) -> int:
    """Return the number of elements that may be open at once. Raises LimitError as `check_html`."""
    guard = _Guard(html, limits)
    guard.run()
    return guard.max_open


class _Guard:
    def __init__(self, html: str, limits: Limits) -> None:
        self._html = html
        self._limits = limits
        self._stack: list[str] = []
        self._open: Counter[str] = Counter()
        self._formatting = 0
        self._elements = 0
        self._work = 0
        self._clones = 0
        self._ends_count = True
        self._tables_end = True
        self._is_foreign_sure = True
        self.max_open = 0

    def run(self) -> None:
        """Scan the whole text. Raises LimitError if it exceeds a limit."""
        html, position = self._html, 0
        while match := _MARKUP.search(html, position):
            position = match.end()
            if name := match[3]:
                position = self._past_tag(position)
                if match[2]:
                    self._end(name.lower())
                else:
                    position = self._start(name.lower(), position)
            elif match[1]:
                if html.startswith((">", "->"), position):
                    position = html.index(">", position) + 1
                else:
                    end = _COMMENT_END.search(html, position)
                    position = end.end() if end else len(html)
            else:
                if self._in_foreign() and html.startswith("[CDATA[", position):
                    self._ends_count = False  # they may be text
                position = html.find(">", position) + 1 or len(html)

    def _past_tag(self, position: int) -> int:
        """Return the position after a tag. Raises LimitError if it has too many attributes."""
        most = self._limits.attributes
        plain = _PLAIN_REST.match(self._html, position)
        if plain and plain.end() - position <= _SHORTEST_ATTRIBUTE * most:
            return plain.end()
        for _ in range(most + 1):
            attribute = _ATTRIBUTE.match(self._html, position)
            if attribute is None or attribute.end() == position:
                return position
            position = attribute.end()
            if attribute["end"]:
                return position
        raise LimitError(f"one of its HTML elements has more than {most:,} attributes")

    def _start(self, name: str, position: int) -> int:
        """Open an element; return the position after its tag and, if any, its raw text."""
        self._count()
        in_foreign = self._in_foreign()
        if name in _RAW_TEXT:
            if not in_foreign and not self._open["select"] and self._ends_count:
                end = _END_TAGS[name].search(self._html, position)
                return self._past_tag(end.end()) if end else len(self._html)
            self._ends_count = False  # the content may be text or markup
        if name == "frameset":
            self._ends_count = False  # nearly everything inside is ignored
        if name in _VOID:
            self._is_foreign_sure &= not in_foreign
            return position
        if in_foreign:
            self._is_foreign_sure &= name not in _HTML
            if self._is_foreign_sure and _SELF_CLOSED.search(self._html, position - 3, position):
                return position
        elif self._ends_count and (name == "option" or not self._open["select"]):
            ended = _ENDED_BY.get(name, frozenset())
            while self._stack and self._stack[-1] in ended:
                self._remove(len(self._stack) - 1)
        self._push(name)
        return position

    def _push(self, name: str) -> None:
        if name == "table" and not self._is_in_cell():
            self._tables_end = (
                False  # the tag may close the table around it, and so may its end tag
            )
        if self._formatting and (name in _ENDED_BY or name in _FORMATTING or name == "button"):
            self._add_clones(self._formatting)
        self._stack.append(name)
        self._open[name] += 1
        if name in _FORMATTING:
            self._formatting += 1
            self._work += self._formatting
        self.max_open = max(self.max_open, len(self._stack))
        if self.max_open > self._limits.depth:
            raise LimitError(f"its HTML nests more than {self._limits.depth:,} elements")

    def _end(self, name: str) -> None:
        self._count()
        stack = self._stack
        if not self._ends_count:
            self._add_clones(self._formatting)
            return
        if name == "select" or not (self._in_foreign() or self._open["select"]):
            self._end_implied(name)
        if stack and stack[-1] == name:
            self._remove(len(stack) - 1)
            return
        self._add_clones(self._formatting)
        if self._in_foreign() or self._open["select"]:
            return
        if name == "table" and self._tables_end:
            self._end_table()
            return
        if name in _FORMATTING:
            if self._open[name] > _ALIKE:
                return
            self._work += 8 * len(stack)
            self._add_clones(_CLONES)
        self._remove_in_scope(name)

    def _end_implied(self, name: str) -> None:
        """Close the innermost elements in the element `name` that need no end tag of their own."""
        implied = _ENDED_WITH.get(name, frozenset())
        index = len(self._stack)
        while index and self._stack[index - 1] in implied:
            index -= 1
        if index and self._stack[index - 1] == name:
            while len(self._stack) > index:
                self._remove(len(self._stack) - 1)

    def _remove_in_scope(self, name: str) -> None:
        """Close the innermost element of this name, if its end tag certainly has an effect."""
        names = _HEADINGS if name in _HEADINGS else {name}
        if not any(self._open[alias] for alias in names):
            return
        barriers = _barriers(name)
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index] in names:
                self._remove(index)
                return
            if self._stack[index] in barriers:
                return

    def _end_table(self) -> None:
        """Close the innermost table with all elements in it.

        Formatting elements outside its cells stay: the parser reopens them.
        """
        stack = self._stack
        index = next((n for n in range(len(stack) - 1, -1, -1) if stack[n] == "table"), None)
        if index is None or "template" in stack[index:]:
            return
        inner = stack[index:]
        cell = next((n for n, element in enumerate(inner) if element in _CELLS), len(inner))
        kept = [element for element in inner[:cell] if element in _FORMATTING]
        dropped = Counter(inner) - Counter(kept)
        self._open -= dropped
        self._formatting -= sum(dropped[element] for element in _FORMATTING)
        self._work += len(inner)
        stack[index:] = kept

    def _remove(self, index: int) -> None:
        name = self._stack.pop(index)
        self._open[name] -= 1
        self._formatting -= name in _FORMATTING

    def _in_foreign(self) -> bool:
        return any(self._open[element] for element in _FOREIGN)

    def _is_in_cell(self) -> bool:
        """Return False if the innermost table or cell is a table."""
        if not self._open["table"]:
            return True
        near = (
            element for element in reversed(self._stack) if element == "table" or element in _CELLS
        )
        return next(near, "td") != "table"

    def _count(self) -> None:
        limits = self._limits
        self._elements += 1
        self._work += len(self._stack)
        if self._elements > limits.elements:
            raise LimitError(f"its HTML has more than {limits.elements:,} tags")
        if self._work > limits.work:
            raise LimitError(f"its HTML nests {len(self._stack):,} elements around too many others")

    def _add_clones(self, count: int) -> None:
        self._clones += count
        if self._clones > _MOST_CLONES:
            raise LimitError("its HTML has too many formatting elements that are never closed")


def _barriers(name: str) -> frozenset[str]:
    """Return the elements that an end tag has no effect across, or might have none."""
    if name == "p":
        return _SPECIAL
    if name == "li":
        return _SCOPES | {"ol", "ul"}
    return _SCOPES if name in _SCOPED or name in _FORMATTING else _SPECIAL
