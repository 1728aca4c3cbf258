"""`client`: what is printed, and what is said to a wrong name."""

import pytest

from pixel_emulator.cli.snippet import SNIPPETS


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("playwright-ts", "export async function pixels(target: Page | BrowserContext"),
        ("playwright-py", "class AsyncPixels(_Session):"),
    ],
)
def test_a_client_is_printed_whole(run_cli, name, line):
    code, out, err = run_cli("client", name)
    assert (code, err) == (0, "")
    assert line in out
    assert out.endswith("}\n" if name.endswith("ts") else "\n")


def test_the_list_names_all(run_cli):
    code, out, _ = run_cli("client", "--list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [*SNIPPETS]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("playwrigt-ts",), 'there is no "playwrigt-ts" (did you mean "playwright-ts"?)'),
        (("selenium",), 'there is no "selenium"'),
        ((), "say which one"),
    ],
)
def test_a_wrong_name_lists_the_right_ones(run_cli, arguments, message):
    code, out, err = run_cli("client", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "there are playwright-ts, playwright-py" in err
