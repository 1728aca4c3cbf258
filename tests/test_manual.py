"""The manual: its tables are generated, and every block of code on every page is checked.

A `sh` block runs, in the order of its page, in a folder with the files of `cases/manual`; the
`text` block behind it is what it prints. A `yaml` block is a scenario, a tracking plan or a
recording. A `python` or `ts` block runs in the test that `RUN_ELSEWHERE` names.
Run with PIXEL_GOLDEN=update to rewrite the tables, then read what changed.
"""

import ast
import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from pixel_emulator.cli.commands import summary
from pixel_emulator.cli.program import COMMANDS, load_command
from pixel_emulator.control.routes import ROUTES
from pixel_emulator.core.matching.type_matchers import MATCHERS, TypeMatcher
from pixel_emulator.core.parser.operators import OPERATORS, Operator
from pixel_emulator.core.parser.vocabulary import ACTIONS
from pixel_emulator.core.report.formats import FORMATS
from pixel_emulator.core.schemas.recording_schema import recording_schema
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.files.scenario_loader import load_text
from pixel_emulator.pytest_plugin import fixtures
from pixel_emulator.pytest_plugin.options import MARKS, POLICIES, declare
from pixel_emulator.pytest_plugin.pixel_calls import Pixels
from pixel_emulator.runtime.settings import settings
from tests.manual import DOCS, ROOT, blocks_of, page_text, with_table
from tests.programs import CHROMIUM, SERVE, needs_chromium, needs_curl

PAGES = [
    f"{name}.md"
    for name in (
        *("scenarios", "pytest", "browsers", "control-api", "recordings", "command-line"),
        *("clients", "security", "performance"),
    )
]
RUN_ELSEWHERE = {
    "pytest.md": "tests/pytest_plugin/test_manual_examples.py",
    "browsers.md": "tests/browsers/test_recipes.py",
    "clients.md": "tests/browsers/test_firefox.py",
}
"""Which test runs the blocks of Python and TypeScript on a page: all of them, see there."""
FILES = Path(__file__).parent / "cases" / "manual"


def table(head, rows):
    cells = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *cells)]
    return "\n".join(lines) + "\n"


def first_sentence(text):
    return re.split(r"(?<=\.)\s", " ".join((text or "").split()))[0]


def commands():
    return table(
        ("command", "what it does"),
        [(f"`{name}`", summary(load_command(name))) for name in COMMANDS],
    )


def shown(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    texts = value if isinstance(value, tuple) else (str(value),)
    return ", ".join(f"`{text}`" for text in texts if text) or "none"


def setting_options():
    return table(
        ("setting", "default", "what it does"),
        [
            (
                f"`--{setting.name.replace('_', '-')}`",
                shown(setting.default),
                setting.metadata["help"],
            )
            for setting in settings()
        ],
    )


# What is no name in a table.
OTHERS = [
    (
        r"`$/^Day \d/`",
        "a text in which RE2 finds it; `$/…/i`: in either case",
        "`Day 1`",
        "`day 1`",
    ),
    ("`$order`", "a variable or definition", "its value", "any other"),
    ("`Order ${order}`", "a text with a variable in it", "`Order FC-1`", "`Order`"),
    ("`$$5`", "a dollar sign", "`$5`", "`$$5`"),
]


def matchers():
    known: list[TypeMatcher | Operator] = [*MATCHERS.values(), *OPERATORS.values()]
    rows = [
        (f"`{matcher.example}`", matcher.meaning, f"`{matcher.match}`", f"`{matcher.mismatch}`")
        for matcher in known
    ]
    return table(("write", "matches", "yes", "no"), [*rows, *OTHERS])


def pytest_fixtures():
    found = [
        (f"`{name}`", first_sentence(value.__wrapped__.__doc__))
        for name, value in vars(fixtures).items()
        if hasattr(value, "__wrapped__")
    ]
    return table(("fixture", "what it is"), sorted(found, key=lambda row: row[0] != "`pixels`"))


def pixels_members():
    rows = []
    for name, member in vars(Pixels).items():
        text = member.fget.__doc__ if isinstance(member, property) else member.__doc__
        if name.startswith("_") or not text or name in {"failure", "close", "absent"}:
            continue
        wrapped = inspect.unwrap(member) if callable(member) else None
        rows.append((f"`.{name}(…)`" if wrapped else f"`.{name}`", first_sentence(text)))
    return table(("member", "what it is"), rows)


class _Declared:
    """The options that the plugin declares."""

    def __init__(self):
        self.options: list[tuple[str, str]] = []
        self.ini: list[tuple[str, str]] = []

    def getgroup(self, *_):
        return self

    def addoption(self, name, *, help, metavar="", **_):
        self.options.append((f"{name}={metavar}" if metavar else name, help))

    def addini(self, name, text, *_, **__):
        self.ini.append((name, text))


def _declared():
    parser: Any = _Declared()
    declare(parser)
    return parser


def pytest_options():
    rows = [(f"`{name}`", text) for name, text in _declared().options]
    return table(("option", "what it does"), rows)


def pytest_ini():
    rows = [(f"`{name}`", text) for name, text in _declared().ini]
    return table(("ini option", "what it does"), rows)


def pytest_marks():
    rows = [(f"`{mark}`", text) for mark, text in MARKS.items()]
    return table(("mark", "what it does"), rows)


def control_routes():
    return table(
        ("request", "what it does"), [(f"`{route.operation}`", route.summary) for route in ROUTES]
    )


def recording_keys():
    return table(("key", "what it holds"), described_keys(recording_schema(), ""))


def described_keys(schema: Any, before: str) -> Iterator[tuple[str, str]]:
    """Yield the keys of a schema that have a description, with their paths."""
    for alternative in schema.get("anyOf", ()):
        yield from described_keys(alternative, before)
    for key, shape in schema.get("properties", {}).items():
        if "description" in shape:
            yield f"`{before}{key}`", shape["description"]
        yield from described_keys(shape, f"{before}{key}.")
        yield from described_keys(shape.get("items", {}), f"{before}{key}[].")


TABLES = {
    ("commands", "command-line.md"): commands,
    ("settings", "command-line.md"): setting_options,
    ("matchers", "scenarios.md"): matchers,
    ("fixtures", "pytest.md"): pytest_fixtures,
    ("pixels", "pytest.md"): pixels_members,
    ("options", "pytest.md"): pytest_options,
    ("ini", "pytest.md"): pytest_ini,
    ("marks", "pytest.md"): pytest_marks,
    ("routes", "control-api.md"): control_routes,
    ("recording-keys", "recordings.md"): recording_keys,
}


@pytest.mark.parametrize(("name", "page"), TABLES)
def test_a_table_is_made_of_what_the_program_knows(name, page):
    wanted = with_table(page_text(page), name, TABLES[name, page]())
    if os.environ.get("PIXEL_GOLDEN") == "update":
        (DOCS / page).write_text(wanted, encoding="utf-8")
    assert page_text(page) == wanted


def test_a_table_needs_its_place():
    with pytest.raises(ValueError, match="needs <!-- table: matchers -->"):
        with_table("<!-- table: other -->\n<!-- end of table -->", "matchers", "")


def test_every_policy_is_explained():
    text = page_text("scenarios.md")
    assert [name for name in POLICIES if f"`{name}`" not in text] == []


def test_every_action_is_explained():
    """In the row `do` of all keys, and in a line of its own."""
    text = page_text("scenarios.md")
    (row,) = re.findall(r"^\| `do` \|.*$", text, re.MULTILINE)
    assert [
        name for name in ACTIONS if f"`{name}: " not in row or f"- **`{name}`** " not in text
    ] == []


def test_every_report_format_is_explained():
    text = page_text("scenarios.md").partition("\n## Reports\n")[2].partition("\n## ")[0]
    assert [
        format.name for format in FORMATS.values() if f"`{format.suffix}` is " not in text
    ] == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_begins_with_what_its_reader_can_do(page):
    title, way_back, first = re.split(r"\n\n", page_text(page), maxsplit=3)[:3]
    assert title.startswith("# ")
    assert way_back.startswith("[Manual](../README.md#more) · ")
    assert first[:1].isalpha()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings_that_are_there(page):
    for target in re.findall(r"\]\(([^)#]*(?:#[^)]*)?)\)", page_text(page)):
        name, _, heading = target.partition("#")
        if target.startswith("https://"):
            continue
        path = DOCS / (name or page)
        assert path.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
            assert heading in slugs, target


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def test_every_block_has_a_kind_that_is_checked():
    for page in PAGES:
        fences = re.findall(r"^```(.*)$", page_text(page), re.MULTILINE)
        assert set(fences) <= {"", "sh", "text", "yaml", "python", "ts", "ini", "json"}, page
        assert len(fences) == 2 * len(blocks_of(page)), page
        kinds = {block.kind for block in blocks_of(page)}
        assert page in RUN_ELSEWHERE or not kinds & {"python", "ts", "ini"}, page
        assert "json" not in kinds, page


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.kind == "yaml"], ids=lambda block: block.place
)
def test_a_yaml_block_is_a_file_that_loads(block, tmp_path):
    if block.note:
        assert "tests/test_pipelines.py" in block.note
        assert {"jobs", "repos"} & {*yaml.safe_load(block.text)}
    elif "pixel_recording:" in block.text:
        path = tmp_path / "calls.yaml"
        path.write_text(block.text)
        recording = read_recording(path)
        assert recording.evidence().gaps == ()
        assert recording.evidence().hits
    else:
        assert load_text(block.text, str(ROOT / "scenarios" / "manual.yaml"))


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if block.kind == "python"], ids=lambda block: block.place
)
def test_a_python_block_is_python(block):
    ast.parse(block.text)


@pytest.mark.parametrize("name", ["drip", "checkout"])
def test_the_examples_are_quoted_as_they_are(name):
    path = ROOT / "scenarios" / f"{name}.yaml"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    begin = next(n for n, line in enumerate(lines) if not line.startswith("#"))
    assert f"```yaml\n{''.join(lines[begin:])}```" in page_text("scenarios.md")


# Commands.

_ENDS = {"|", "||", "&&", ";", "&", ">", ">>", "<", ")"}


def invocations(text):
    """Yield the arguments of each `pixel-emulator` in a shell script."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
        lexer.whitespace_split = True
        words = []
        try:
            words = [inner for word in lexer for inner in _words_within(word)]
        except ValueError as error:  # an apostrophe in prose
            raise AssertionError(f"{line}: {error}") from None
        for place, word in enumerate(words):
            first = not place or words[place - 1] in {*_ENDS, "("}
            if word == "pixel-emulator" and first:
                rest = words[place + 1 :]
                ends = [n for n, later in enumerate(rest) if later in {*_ENDS, "--"}]
                yield rest[: ends[0]] if ends else rest


def _words_within(word):
    """Yield a word; a substitution `$(pixel-emulator …)` in quotes as its words."""
    inner = re.findall(r"\$\((pixel-emulator [^)]*)\)", word)
    yield from inner[0].split() if inner else [word]


def check_invocation(arguments):
    """Check that the command and all its options exist."""
    two, one = " ".join(arguments[:2]), (arguments or [""])[0]
    name = two if two in COMMANDS else one
    if not name.startswith("-") and arguments and one != "COMMAND":
        assert name in COMMANDS, f"pixel-emulator {' '.join(arguments)}"
    options = {"-h", "--help", "--version"}
    if name in COMMANDS:
        parameters = load_command(name).params
        options |= {opt for parameter in parameters for opt in parameter.opts}
        options |= {opt for parameter in parameters for opt in parameter.secondary_opts}
        if name in {"web", "console", "dump"}:
            return
        command = load_command(name)
        with click.Context(command) as context:
            _, left, _ = command.make_parser(context).parse_args(
                list(arguments[name.count(" ") + 1 :])
            )
        assert context.allow_extra_args or not left, f"{name} takes no {left}"
    for argument in arguments:
        if re.match(r"--?[a-z]", argument):
            assert argument.partition("=")[0] in options, f"{name} {argument}"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_that_is_named_exists(page):
    scripts = [block.text for block in blocks_of(page) if block.kind == "sh"]
    prose = re.sub(r"^```.*?^```$", "", page_text(page), flags=re.DOTALL | re.MULTILINE)
    spans = [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", prose)]
    for text in [*scripts, *(span for span in spans if "pixel-emulator " in span)]:
        for arguments in invocations(text):
            check_invocation(arguments)


# What a block of commands may begin with: everything else might change the machine.
PROGRAMS = {"pixel-emulator", "curl", "eval", "api", "api()"}


@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if block.kind == "sh" and not block.note.startswith("not run: ")],
    ids=lambda block: block.place,
)
def test_a_block_that_runs_has_only_programs_that_may(block):
    for line in block.text.splitlines():
        word = re.sub(r"^\w+=", "", line).removeprefix("$(").split(" ")[0]
        assert not word or word in {*PROGRAMS, "#", '"Content-Type:'}, line


# Options of other programs that the pages name.
FOREIGN = {
    *("--ca-certificate", "--ignore-certificate-errors-spki-list", "--proxy-server", "--offline"),
    *("--host-resolver-rules", "--disable-socket", "--allow-hosts", "--maxfail", "--help"),
    *("--markers", "--fixtures", "--list", "--save", "--redraw"),
}


@pytest.mark.parametrize("page", PAGES)
def test_every_option_that_is_named_alone_exists(page):
    known = {*FOREIGN, *(name.partition("=")[0] for name, _ in _declared().options)}
    for command in map(load_command, COMMANDS):
        for parameter in command.params:
            known |= {*parameter.opts, *parameter.secondary_opts}
    for option in re.findall(r"`(--[a-z][a-z0-9-]+)", page_text(page)):
        assert option in known, option


@contextmanager
def serving(env):
    """A running `serve`; yields the variables that lead to its control API."""
    with subprocess.Popen(
        SERVE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        try:
            yield {
                "PIXEL_EMULATOR_CONTROL": ready["control"],
                "PIXEL_EMULATOR_TOKEN": ready["token"],
            }
        finally:
            process.terminate()


def same_run(text):
    """What stays the same from run to run."""
    for pattern, words in (
        (r"\d\d:\d\d:\d\d(\.\d{3}Z)?", "09:00:00"),
        (r"\d{4}-\d\d-\d\d", "2030-01-31"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:8080"),
        (r"\(\d+(\.\d+)? m?s\)", "(10 ms)"),
    ):
        text = re.sub(pattern, words, text)
    return [line.rstrip() for line in text.strip().splitlines()]


# An example has to show a call that Segment keeps, and a verdict that is met.
_NOT_MET = re.compile(r"^(?:FAIL|UNDECIDED|INCOMPLETE|damaged|dropped)\b.*", re.MULTILINE)


@pytest.mark.thorough
@needs_chromium
@needs_curl
@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(block.kind == "sh" for block in blocks_of(page))]
)
def test_the_commands_of_a_page_run(page, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(FILES, folder)
    shutil.copy(ROOT / "scenarios" / "welcome.html", folder / "mail.html")
    shutil.copytree(ROOT / "scenarios", folder / "scenarios")
    programs = [str(Path(sys.executable).parent), str(folder / "bin"), os.environ["PATH"]]
    env = {
        **os.environ,
        "PATH": os.pathsep.join(programs),
        "TMPDIR": str(tmp_path),
        "PYTHONWARNINGS": "ignore",
        "PIXEL_EMULATOR_BROWSER": CHROMIUM,
        "COLUMNS": "100",
        "CI": "",
    }
    with serving(env) as where:
        printed = ""
        for block in blocks_of(page):
            if block.kind == "text":
                assert same_run(printed) == same_run(block.text)
            if block.kind != "sh" or block.note.startswith("not run: "):
                continue
            done = subprocess.run(
                ["sh", "-eu", "-c", block.text],
                cwd=folder,
                env={**env, **where},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=120,
                check=False,
            )
            printed = done.stdout
            wanted = int(block.note.removeprefix("exit code ")) if block.note else 0
            assert done.returncode == wanted, f"{block.text}\n{printed}"
            assert "Traceback" not in printed
            assert wanted or _NOT_MET.findall(printed) == [], f"{block.text}\n{printed}"
