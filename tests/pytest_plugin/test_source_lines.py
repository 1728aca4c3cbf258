"""Misuse is reported on the line of the test, in every style of traceback."""

import pytest

pytest_plugins = ["pytester"]

MISUSE = {
    "pixels.expect(trakc='A')": "TypeError: trakc: no such key here (did you mean *",
    "pixels.expect(track='A', timeout=2)": "TypeError: timeout: `expect` looks at once; *",
    "pixels.expect(track='A', times=range(1, 3))": "TypeError: times: *; it is range(1, 3)",
    "pixels.expect(any=ANY)": "TypeError: any: *<ANY>*",
    "pixels.wait_for(trakc='A')": "TypeError: trakc: *",
    "pixels.wait_for(track='A', times=2)": "TypeError: times: `wait_for` waits for one call*",
    "pixels.wait_for(track='A', timeout='3')": "TypeError: timeout: * seconds, but is '3'",
    "pixels.wait_for(track='A', timeout=None)": "TypeError: timeout: * seconds, but is None",
    "pixels.wait_for(track='A', timeout=float('nan'))": "TypeError: timeout: *, but is nan",
    "pixels.expecting('no.yaml')": "*InputError: there is no scenario no.yaml: *",
    "pixels.expecting('broken.yaml')": "*InputError: broken.yaml:1:*",
    "pixels.expecting('e.yaml', user=1)": "*InputError: *`user`*",
    "pixels.expecting('e.yaml', user=ANY)": "TypeError: user: <ANY> is a matcher: a variable has *",
    "pixels.expecting('e.yaml', user=IsStr())": "TypeError: user: IsStr() is a matcher: *",
    "pixels.expecting('e.yaml', user=[re.compile('x')])": "TypeError: user: * is a matcher: *",
    "pixels.expecting('e.yaml', user=lambda user: True)": "TypeError: user: * is a matcher: *",
    "pixels.expecting('acts.yaml')": "*InputError: *acts by itself*",
    "pixels.save('no/such/folder.yaml')": "*InputError: no/such/folder.yaml: *",
    "pixels.route('x')": "TypeError: `route` takes a page or a context of Playwright, but got 'x'",
    "pixels.receive(5)": "TypeError: `receive` takes a URL, HTML, or a mail *, but got 5",
    "pixels.receive(Path('x'))": "TypeError: `receive` takes *PosixPath('x')*: x: *No such file*",
    "pixels.receive(['x'])": "TypeError: `receive` takes *?'x'?",
    "pixels.receive(' ')": "TypeError: `receive` takes *the text is empty*",
    "pixels.receive(b' ')": "TypeError: `receive` takes *the text is empty*",
    "pixels.receive('mails/x.html')": "TypeError: `receive` takes *'mails/x.html': *No such file*",
    "pixels.receive('my mails/x.html')": "TypeError: `receive` *my mails/x.html': *No such file*",
    "pixels.expect(track='A')": "AssertionError: track: A: wanted 1, got 0: not sent",
    "pixels.wait_for(track='A', timeout=0)": "AssertionError: track: A: wanted 1, got 0: not sent",
}
HEAD = """\
import re
from dirty_equals import IsStr
from pathlib import Path
from unittest.mock import ANY
import pytest
@pytest.mark.pixel_scenario("e.yaml", user=IsStr())
def test_mark(pixels): pass
def test_html_without_pixels(pixels): assert pixels.receive("<p>Hi</p>") == ()
def test_text_without_pixels(pixels): assert pixels.receive("Hi you,\\nnice.") == ()
"""


@pytest.mark.parametrize("style", ["line", "short", "long", "native"])
def test_it_is_reported_on_the_line_of_the_test(inner, pytester, style):
    (pytester.path / "e.yaml").write_text("expect: [{track: E}]\n")
    (pytester.path / "broken.yaml").write_text("expct: []\n")
    (pytester.path / "acts.yaml").write_text("do: {send: {track: E}}\nexpect: []\n")
    tests = [f"def test_{n}(pixels):\n    {line}\n" for n, line in enumerate(MISUSE)]
    result = inner(f"--tb={style}", test_it=HEAD + "".join(tests))
    result.assert_outcomes(passed=2, failed=len(MISUSE) + 1)
    before = "*test_it.py:*: " if style == "line" else "E  *" if style != "native" else ""
    result.stdout.fnmatch_lines([f"{before}{said}" for said in MISUSE.values()])
    result.stdout.fnmatch_lines(["*TypeError: user: IsStr() is a matcher: *"])
    # That style leaves no frame out: there it is the last one, and no deeper one.
    ours = result.stdout.str().count("pixel_emulator/pytest_plugin/source_lines.py")
    assert ours == (len(MISUSE) + 1 if style == "native" else 0)
    for other in ("pixel_calls", "scenario_context", "keyword_expectations", "lazy_emulator"):
        result.stdout.no_fnmatch_line(f"*pixel_emulator/pytest_plugin/{other}.py*")
