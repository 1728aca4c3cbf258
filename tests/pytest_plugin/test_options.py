"""Options of the plugin, and the cost of the plugin in a run without pixels."""

import pytest

from pixel_emulator.core.scenarios.scenario import Policy
from pixel_emulator.pytest_plugin.options import PER_TEST, POLICIES, SETTINGS
from pixel_emulator.runtime.settings import settings

pytest_plugins = ["pytester"]

UNUSED = "def test_unused(): pass"
# The first are ours to choose, tests record to a folder, the fast path has no place in a test, and
# a test has few calls.
NOT_FOR_TESTS = {
    "host",
    "port",
    "control_port",
    "control_token",
    "record",
    "fast_path",
    "ca_dir",
    "cert",
    "control_host",
    "max_calls",
}
HEAVY = ("mitmproxy", "yaml", "click", "re2", "jsonschema_rs", "pixel_emulator.core")


def test_the_settings_are_those_of_the_emulator():
    names = {setting.name for setting in settings()}
    assert names - NOT_FOR_TESTS == SETTINGS.keys()
    assert SETTINGS.keys() >= set(PER_TEST)


def test_the_policies_are_those_of_the_language():
    assert list(POLICIES) == list(Policy)


def test_everything_stands_in_the_help(inner):
    out = inner("--help").stdout.str()
    others = ("accept", "record", "recording", "scenarios", "emulator_command", "clock")
    wanted = [f"pixel_{name}" for name in (*SETTINGS, *POLICIES, *others)]
    wanted += [f"--pixel-{name}" for name in ("show", "update", "url", "recording")]
    assert not [line for line in wanted if line not in out]


def test_the_marks_are_listed(inner):
    inner("--markers").stdout.fnmatch_lines(
        ["@pytest.mark.pixel(*", "@pytest.mark.pixel_scenario(file, *"]
    )


@pytest.mark.thorough
def test_nothing_heavy_is_imported_before_a_fixture_is_used(inner):
    """In a process of its own, since this one has it all."""
    look = f"""
        import sys
        def test_unused():
            assert [name for name in {HEAVY} if name in sys.modules] == []
    """
    inner(apart=True, test_unused=look).assert_outcomes(passed=1)


def test_nothing_of_the_plugin_shows_where_no_test_uses_it(inner):
    assert "pixels" not in inner(test_unused=UNUSED).stdout.str()


@pytest.mark.parametrize(
    ("ini", "said"),
    [
        ("pixel_dialect = lax", 'pixel_dialect: "lax" is not documented or strict'),
        ("pixel_source = x", 'pixel_source: "x" is not NAME=KEY'),
        ("pixel_unexpected = never", "pixel_unexpected: must be one of fail, warn, ignore,"),
        ("pixel_accept = raw_jsn", "pixel_accept[0]: `raw_jsn` is no problem that damages a call"),
        ("pixel_offline = maybe", "pixel_offline: must be true or false"),
        ("pixel_keep_write_keys = maybe", "pixel_keep_write_keys: must be true or false"),
    ],
)
def test_a_wrong_setting_is_an_error_that_says_what_is_allowed(inner, ini, said):
    result = inner(ini=ini, test_it="def test_it(pixels): pass")
    result.assert_outcomes(errors=1)
    assert said in result.stdout.str()
    result.stdout.no_fnmatch_line("*choices.py*")


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("unexpectd='warn'", 'takes no `unexpectd` (did you mean "unexpected"?)'),
        ("hosts=[]", "takes no `hosts`: all tests share one emulator; write `pixel_hosts` into"),
        ("'ignore'", "the mark `pixel` takes names: pixel(unexpected='ignore')"),
        ("dropped='no'", "pixel_dropped: must be one of fail, warn, ignore"),
        ("record=True", 'record cannot be True; write it as record="recordings"'),
        ("record=None", 'record cannot be None; write it as record="recordings"'),
        ("accept='raw_json'", """accept cannot be 'raw_json'; write it as accept=["raw_json"]"""),
        ("source='a=b'", """source cannot be 'a=b'; write it as source=["app=KEY"]"""),
        ("dialect=3", 'dialect cannot be 3; write it as dialect="strict"'),
    ],
)
def test_a_wrong_mark_is_an_error_that_says_what_is_allowed(inner, mark, said):
    test = f"import pytest\n@pytest.mark.pixel({mark})\ndef test_it(pixels): pass"
    result = inner(test_it=test)
    result.assert_outcomes(errors=1)
    assert said in result.stdout.str()
    result.stdout.no_fnmatch_line("*choices.py*")


def test_what_one_mark_accepts_counts_where_damage_fails_anyway(inner):
    inner(
        ini="pixel_damaged = fail",
        test_it="""
            import pytest
            @pytest.mark.pixel(accept=["raw_json"])
            def test_it(pixels):
                pixels.receive('/v1/pixel/track?data={"userId":"u","event":"A",'
                    '"writeKey":"wk_test_0000000000"}')
                pixels.expect(track="A")
        """,
    ).assert_outcomes(passed=1)


def test_policies_come_from_the_ini_file_and_the_closest_mark(inner):
    result = inner(
        ini="pixel_unexpected = ignore",
        test_it="""
            import pytest
            from client import send
            pytestmark = pytest.mark.pixel(dropped="ignore")
            def test_ini(pixels): send(pixels, "A")
            @pytest.mark.pixel(unexpected="fail")
            def test_mark(pixels): send(pixels, "A")
            class TestClass:
                pytestmark = pytest.mark.pixel(unexpected="fail")
                @pytest.mark.pixel(unexpected="ignore")
                def test_closest(self, pixels): send(pixels, "A")
        """,
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["FAILED test_it.py::test_mark*"])


def test_hosts_and_dialect_come_from_the_ini_file(inner):
    inner(
        ini="pixel_hosts = pixels.example.com\npixel_dialect = strict",
        test_it="""
            from urllib.request import urlopen
            import pytest
            DATA = '{"userId":"u","event":"A","writeKey":"wk_test_0000000000"}'
            def test_ini(pixels):
                assert pixels.session.hosts == ("pixels.example.com",)
                (call,) = pixels.receive(f"/v1/pixel/track?data={DATA}")
                assert not call.payload
                pixels.expect(dropped=True)
            @pytest.mark.pixel(dialect="documented", damaged="ignore")
            def test_mark(pixels):
                pixels.receive(f"/v1/pixel/track?data={DATA}")
                pixels.expect(track="A")
        """,
    ).assert_outcomes(passed=2)
