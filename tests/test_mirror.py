"""Each module of the package has a test file of its name, or a reason in `ELSEWHERE`."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "pixel_emulator"
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix()
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
}
# Modules without a test file of their name: the tests that exercise them, or the reason for none.
ELSEWHERE = {
    "__main__": "two lines; tests/cli/test_killed_processes.py starts `python -m pixel_emulator`",
    "cli/emulator_run": "tests/cli/test_run.py",
    "cli/inputs": "tests/cli/test_scenario_commands.py, tests/cli/test_verify_command.py",
    "cli/mitm_commands": "tests/proxy/test_mitm_tools.py",
    "cli/outcome": "tests/cli/test_exit_codes.py, tests/cli/test_interrupted_runs.py",
    "cli/program": "tests/test_docs.py, tests/cli/test_exit_codes.py",
    "cli/reports": "tests/cli/test_verify_command.py, tests/cli/test_run.py",
    "cli/run_display": "tests/cli/test_run.py",
    "cli/setting_options": "tests/test_docs.py, tests/cli/test_serve.py",
    "cli/terminal": "tests/cli/test_check.py, tests/cli/test_decode.py",
    "control/notifications": "tests/control/test_request_handlers.py",
    "control/problems": "tests/control/test_asgi_app.py, tests/control/test_openapi.py",
    "control/request_context": "tests/control/test_request_handlers.py",
    "control/route": "tests/control/test_openapi.py",
    "control/routes": "tests/control/test_openapi.py, tests/control/test_asgi_app.py",
    "control/schemas": "tests/control/test_openapi.py",
    "core/call_text": "tests/cli/test_decode.py, tests/cli/test_check.py",
    "core/endpoint/data_parameter": "tests/core/endpoint/test_pixel.py",
    "core/parser/definitions": "tests/core/parser/test_variables.py",
    "core/parser/parse_context": "tests/core/parser/test_document.py",
    "core/parser/vocabulary": "tests/core/schemas/test_scenario_schema.py",
    "core/problems/drops": "tests/core/problems/test_classify.py, one table of all codes",
    "core/problems/notes": "tests/core/problems/test_classify.py, one table of all codes",
    "core/recordings/entry": "tests/core/recordings/test_recording.py",
    "core/recordings/fast_entry": "tests/properties/test_recording_laws.py, against `entry`",
    "core/redaction/key_finder": "tests/core/redaction/test_redact.py",
    "core/redaction/nested_encodings": "tests/core/redaction/test_redact.py",
    "core/report/snippets": "tests/core/report/test_text_report.py",
    "core/scenario_edit/add_calls": "tests/core/scenario_edit/test_update.py",
    "core/scenario_edit/fix_values": "tests/core/scenario_edit/test_update.py",
    "core/scenario_edit/source": "tests/core/scenario_edit/test_update.py",
    "core/scenario_edit/verified_source": "tests/core/scenario_edit/test_update.py",
    "core/scenarios/expectation": "tests/core/parser/test_expectations.py",
    "core/tracking_plan/schema": "tests/core/tracking_plan/test_plan.py, tests/core/tracking_plan/test_violations.py",
    "core/verification/candidates": "tests/core/verification/test_verify.py, tests/properties/test_verify_laws.py",
    "core/verification/closest_call": "tests/core/verification/test_ordering.py, tests/core/report/test_golden_reports.py",
    "core/verification/components": "tests/properties/test_call_groups_laws.py",
    "core/verification/explain": "tests/core/verification/test_verify.py, tests/core/report/test_golden_reports.py",
    "core/verification/quick_check": "tests/properties/test_quick_check_laws.py, against `verify`",
    "core/verification/solve": "tests/core/verification/test_branch_and_bound.py, tests/properties/test_verify_laws.py",
    "core/verification/verdict": "plain data; tests/core/verification/test_verify.py",
    "email/fetch": "tests/email/test_render.py",
    "email/html_tree": "tests/email/test_html_pixels.py",
    "email/limits": "tests/email/test_html_guard.py, tests/email/test_mail_source.py",
    "files/file_io": "tests/files/test_read_write.py",
    "files/includes": "tests/files/test_scenario_loader.py",
    "files/recording_parts": "tests/pytest_plugin/test_run_recording.py",
    "proxy/convert": "tests/proxy/test_addon.py, tests/proxy/fast_path/test_layer.py",
    "proxy/fast_path/acceptor": "tests/proxy/fast_path/test_protocol_swap.py",
    "proxy/fast_path/direct_connection": "tests/proxy/fast_path/test_protocol_swap.py",
    "proxy/fast_path/header_block": "tests/proxy/fast_path/test_request_reader.py",
    "proxy/fast_path/select": "tests/proxy/fast_path/test_layer.py",
    "proxy/fast_path/write_batch": "tests/proxy/fast_path/test_protocol_swap.py",
    "proxy/journal_routing": "tests/runtime/test_sessions.py",
    "proxy/master": "tests/proxy/test_emulator.py, tests/runtime/test_sessions.py",
    "proxy/mitmproxy_script/pixel_emulator_addon": "two lines; tests/proxy/test_mitm_tools.py",
    "proxy/process_globals": "tests/proxy/test_emulator.py",
    "pytest_plugin/fixtures": "tests/pytest_plugin/test_pixel_calls.py",
    "pytest_plugin/lifecycle": "tests/pytest_plugin/test_pixel_calls.py, tests/pytest_plugin/test_late_calls.py",
    "pytest_plugin/local_emulator": "tests/pytest_plugin/test_lazy_emulator.py, tests/pytest_plugin/test_nothing_left.py",
    "pytest_plugin/marks": "tests/pytest_plugin/test_options.py",
    "pytest_plugin/plugin": "tests/pytest_plugin/test_options.py, tests/pytest_plugin/test_other_plugins.py",
    "pytest_plugin/shared_calls": "tests/pytest_plugin/test_scenario_context.py, tests/pytest_plugin/test_scenario_items.py",
    "pytest_plugin/stash": "only keys; tests/pytest_plugin/test_other_plugins.py",
    "runtime/gaps": "tests/proxy/test_handshakes.py, tests/runtime/test_journal.py",
    "runtime/output": "tests/cli/test_write_key_redaction.py",
    "runtime/session": "tests/runtime/test_sessions.py",
    "runtime/settings": "tests/test_docs.py, tests/proxy/test_addon_options.py",
    "snippets/pixels": "tests/browsers/test_playwright_py.py, tests/pytest_plugin/test_route.py",
}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_each_module_has_a_test_file_of_its_name_or_a_reason(module):
    path = Path(module)
    own = TESTS / path.with_name(f"test_{path.name}.py")
    assert own.exists() is not (module in ELSEWHERE), own.relative_to(TESTS.parent)


def test_reasons_are_about_modules():
    assert ELSEWHERE.keys() <= MODULES


@pytest.mark.parametrize("module", ELSEWHERE)
def test_the_files_of_a_reason_exist(module):
    named = [word.strip(",:;`") for word in ELSEWHERE[module].split() if word.startswith("tests/")]
    assert all((TESTS.parent / name).exists() for name in named)
