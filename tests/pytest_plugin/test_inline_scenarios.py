"""Scenarios that stand in a test: `pixels.expecting({...})`."""

import pytest

pytest_plugins = ["pytester"]

MET = """
    import pytest, re
    from client import url
    SEGMENT = "https://api.segment.io"
    def receive(pixels, *events, **more):
        for event in events: pixels.receive(url(SEGMENT, event, **more))
    def test_a_call(pixels):
        with pixels.expecting({"track": "A", "properties": {"n": "$int"}}):
            receive(pixels, "A", properties={"n": 1})
    def test_calls(pixels):
        with pixels.expecting([{"track": "A"}, {"track": re.compile("^B")}]):
            receive(pixels, "Bee", "A")
    def test_variables_with_a_value(pixels):
        scenario = {"let": ["user"], "order": "listed", "expect": [
            {"track": "A", "id": "a", "userId": "$user"},
            {"track": "B", "after": "a", "within": "10s"},
        ]}
        with pixels.expecting(scenario, user="user_123"):
            receive(pixels, "A", "B")
    def test_state(pixels):
        state = {"user_123": {"traits": {"plan": "pro"}, "events": {"A": 2}}}
        calls = [{"track": "A", "times": 2}, {"identify": "user_123"}]
        with pixels.expecting({"state": state, "expect": calls}):
            receive(pixels, "A", "A")
            pixels.receive(url(SEGMENT, "", type="identify", traits={"plan": "pro"}))
        assert pixels.state["user_123"]["traits"]["plan"] == "pro"
    @pytest.mark.pixel_scenario({"let": ["user"], "expect": [{"track": "$user"}]}, user="A")
    def test_mark(pixels): receive(pixels, "A")
    async def test_async(pixels):
        async with pixels.expecting({"track": "A"}): receive(pixels, "A")
"""
UNMET = """
    import pytest
    from client import url
    SEGMENT = "https://api.segment.io"
    def receive(pixels, *events):
        for event in events: pixels.receive(url(SEGMENT, event))
    def test_order(pixels):
        with pixels.expecting({"order": "listed", "expect": [{"track": "A"}, {"track": "B"}]}):
            receive(pixels, "B", "A")
    def test_never(pixels):
        with pixels.expecting({"never": [{"track": "Error"}], "unexpected": "ignore"}):
            receive(pixels, "Error")
    def test_within(pixels):
        with pixels.expecting({"within": "10ms", "expect": [{"track": "A"}]}):
            pass
    def test_state(pixels):
        state = {"user_123": {"events": {"A": 2}}}
        with pixels.expecting({"state": state, "unexpected": "ignore"}):
            receive(pixels, "A")
    def test_mistake(pixels):
        with pixels.expecting({"expect": [{"track": "A"}], "ordr": "listed"}): pass
    def test_actions(pixels):
        with pixels.expecting({"do": {"send": {"track": "A"}}, "expect": [{"track": "A"}]}): pass
    def test_never_entered(pixels):
        pixels.expecting({"track": "A"})
    @pytest.mark.pixel_scenario({"track": "A"})
    def test_mark(pixels): receive(pixels, "B")
    @pytest.mark.pixel_scenario({"trakc": "A"})
    def test_mark_with_a_mistake(pixels): pass
"""


@pytest.mark.parametrize("more", [(), ("--pixel-update",)])
def test_what_is_met_passes_without_an_emulator(inner, more):
    result = inner(*more, ini="pixel_emulator_command = nobody", test_it=MET)
    result.assert_outcomes(passed=6)


@pytest.mark.parametrize("more", [(), ("--pixel-update",)])
def test_what_is_not_met_fails_on_the_line_of_the_context(inner, pytester, more):
    result = inner(*more, "--tb=short", ini="pixel_emulator_command = nobody", test_it=UNMET)
    result.assert_outcomes(failed=9)
    before = (pytester.path / "test_it.py").read_text()
    result.stdout.fnmatch_lines(
        [
            "test_it.py:7: in test_order",
            "E   AssertionError: track: A: wanted 1, got 0: sent out of order",
            "E   FAIL  test_it.py * test_order",
            "test_it.py:10: in test_never",
            "E   AssertionError: never track: Error: wanted 0, got 1*",
            "test_it.py:13: in test_within",
            "E   AssertionError: track: A: wanted 1, got 0: not sent",
            "test_it.py:17: in test_state",
            "E   AssertionError: state: the profiles at the end are not as wanted",
            "test_it.py:20: in test_mistake",
            'E   TypeError: ordr: no such key here (did you mean "order"?)',
            "test_it.py:22: in test_actions",
            "E   TypeError: do: the test itself sends the calls; a scenario with `do` is a file",
            "*never entered: write `with`*",
            "E   AssertionError: track: A: wanted 1, got 0: not sent (and 1 more)",
            "E   TypeError: expect[[]0].trakc: no such key here*",
        ]
    )
    result.stdout.no_fnmatch_line("*to accept what happened*")
    assert (pytester.path / "test_it.py").read_text() == before
