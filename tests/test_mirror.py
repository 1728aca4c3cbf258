"""Each module of the package has a test file of its name, or a reason in `ELSEWHERE`."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "pixel_emulator"
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix()
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
}
# Modules without a test file of their name: the files in tests/ that test them.
ELSEWHERE = {
    "__main__": "two lines; cli/test_killed_processes.py starts `python -m pixel_emulator`",
    "cli/emulator_run": "cli/test_run.py",
    "cli/inputs": "cli/test_scenario_commands.py, cli/test_verify_command.py",
    "cli/mitm_commands": "proxy/test_mitm_tools.py",
    "cli/outcome": "cli/test_exit_codes.py, cli/test_interrupted_runs.py",
    "cli/program": "test_docs.py, cli/test_exit_codes.py",
    "cli/reports": "cli/test_verify_command.py, cli/test_run.py",
    "cli/run_display": "cli/test_run.py",
    "cli/terminal": "cli/test_check.py, cli/test_decode.py",
    "control/notifications": "control/test_request_handlers.py",
    "control/problems": "control/test_asgi_app.py, control/test_openapi.py",
    "control/request_context": "control/test_request_handlers.py",
    "control/route": "control/test_openapi.py",
    "control/routes": "control/test_openapi.py, control/test_asgi_app.py",
    "control/schemas": "control/test_openapi.py",
    "core/call_text": "cli/test_decode.py, cli/test_check.py",
    "core/endpoint/decoder": "a protocol; core/endpoint/test_routes.py",
    "core/endpoint/pixel/data_parameter": "core/endpoint/pixel/test_decoder.py",
    "core/endpoint/urls": "core/endpoint/pixel/test_decoder.py",
    "core/parser/definitions": "core/parser/test_variables.py",
    "core/parser/parse_context": "core/parser/test_document.py",
    "core/parser/vocabulary": "core/schemas/test_scenario_schema.py",
    "core/problems/drops": "core/problems/test_classify.py, one table of all codes",
    "core/problems/notes": "core/problems/test_classify.py, one table of all codes",
    "core/recordings/entry": "core/recordings/test_recording.py",
    "core/recordings/fast_entry": "properties/test_recording_laws.py, against `entry`",
    "core/redaction/key_finder": "core/redaction/test_redact.py",
    "core/redaction/nested_encodings": "core/redaction/test_redact.py",
    "core/report/snippets": "core/report/test_text_report.py",
    "core/scenario_edit/add_calls": "core/scenario_edit/test_update.py",
    "core/scenario_edit/fix_values": "core/scenario_edit/test_update.py",
    "core/scenario_edit/source": "core/scenario_edit/test_update.py",
    "core/scenario_edit/verified_source": "core/scenario_edit/test_update.py",
    "core/scenarios/expectation": "core/parser/test_expectations.py",
    "core/tracking_plan/schema": "core/tracking_plan/test_plan.py",
    "core/verification/closest_call": "core/verification/test_ordering.py",
    "core/verification/components": "properties/test_call_groups_laws.py",
    "core/verification/explain": "core/verification/test_verify.py",
    "core/verification/quick_check": "properties/test_quick_check_laws.py, against `verify`",
    "core/verification/solve": "core/verification/test_branch_and_bound.py",
    "core/verification/verdict": "plain data; core/verification/test_verify.py",
    "email/mail": "email/test_message.py, email/test_mail_source.py",
    "email/html_tree": "email/test_html_pixels.py",
    "email/limits": "email/test_html_guard.py, email/test_mail_source.py",
    "files/file_io": "files/test_read_write.py",
    "files/includes": "files/test_scenario_loader.py",
    "files/recording_parts": "pytest_plugin/test_run_recording.py",
    "proxy/convert": "proxy/test_addon.py, proxy/fast_path/test_layer.py",
    "proxy/fast_path/acceptor": "proxy/fast_path/test_protocol_swap.py",
    "proxy/fast_path/direct_connection": "proxy/fast_path/test_protocol_swap.py",
    "proxy/fast_path/header_block": "proxy/fast_path/test_request_reader.py",
    "proxy/fast_path/select": "proxy/fast_path/test_layer.py",
    "proxy/fast_path/write_batch": "proxy/fast_path/test_protocol_swap.py",
    "proxy/journal_routing": "runtime/test_sessions.py",
    "proxy/master": "proxy/test_emulator.py, runtime/test_sessions.py",
    "proxy/mitmproxy_script/pixel_emulator_addon": "two lines; proxy/test_mitm_tools.py",
    "proxy/process_globals": "proxy/test_emulator.py",
    "pytest_plugin/fixtures": "pytest_plugin/test_pixel_calls.py",
    "pytest_plugin/lifecycle": "pytest_plugin/test_pixel_calls.py",
    "pytest_plugin/local_emulator": "pytest_plugin/test_lazy_emulator.py",
    "pytest_plugin/marks": "pytest_plugin/test_options.py",
    "pytest_plugin/plugin": "pytest_plugin/test_options.py, pytest_plugin/test_other_plugins.py",
    "pytest_plugin/shared_calls": "pytest_plugin/test_scenario_context.py",
    "pytest_plugin/stash": "only keys; pytest_plugin/test_other_plugins.py",
    "runtime/gaps": "proxy/test_handshakes.py, runtime/test_journal.py",
    "runtime/output": "cli/test_write_key_redaction.py",
    "runtime/session": "runtime/test_sessions.py",
    "runtime/settings": "test_docs.py, proxy/test_addon_options.py",
    "snippets/pixels": "browsers/test_playwright_py.py, pytest_plugin/test_route.py",
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
    named = re.findall(r"[\w/]+\.py", ELSEWHERE[module])
    assert named
    assert all((TESTS / name).exists() for name in named)
