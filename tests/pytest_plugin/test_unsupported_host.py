"""A pytest that the plugin does not support runs all tests without the plugin's fixtures."""

import pytest

pytest_plugins = ["pytester"]

REASON = "pixel-emulator is not active: it needs pytest 7.4 and pluggy 1.2, but this is pytest *"
HOSTS = {
    "pytest 7.3": "pytest.version_tuple = (7, 3, 2)",
    "pytest 6": "del pytest.version_tuple",
    "pluggy 1.0": "pytest.hookimpl = lambda function=None, *, hookwrapper=False: function",
}
LOADED = """
import pytest
known = {name: getattr(pytest, name) for name in ("version_tuple", "hookimpl")}
"""
RUN = """
import pixel_emulator.pytest_plugin
vars(pytest).update(known) # the host itself is another one
without = ("xdist", "cacheprovider", "randomly", "playwright")
pytest.main([f"-pno:{name}" for name in without])
"""
TESTS = """
    import pytest
    def test_plain(): assert True
    @pytest.mark.parametrize("name", ["pixels", "pixel_emulator", "pixel_session_factory"])
    def test_with_pixels(request, name): request.getfixturevalue(name)
"""


@pytest.mark.parametrize("host", HOSTS.values(), ids=[*HOSTS])
def test_under_an_unsupported_host_a_line_says_so_and_other_tests_run(pytester, python, host):
    pytester.makepyfile(test_it=TESTS)
    result = python(f"{LOADED}{host}{RUN}")
    result.assert_outcomes(passed=1, failed=3)
    assert [line.startswith(REASON[:-1]) for line in result.outlines].count(True) == 4
    result.stdout.fnmatch_lines([REASON, "test_it.py .FFF*"])
    assert "Traceback" not in result.stderr.str()
