"""Settings are options of mitmproxy; a wrong one ends the start."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy.addons import proxyserver
from mitmproxy.test import taddons

from pixel_emulator.proxy.addon import MITMPROXY_LOGGER
from pixel_emulator.proxy.addon_options import _NOT_OPTIONS, ConfiguredEmulator
from pixel_emulator.runtime.settings import Settings, settings
from tests.proxy.test_addon import flow_of

LISTENING = re.compile(r"proxy listening at 127\.0\.0\.1:(\d+)")


@contextmanager
def context() -> Iterator[tuple[ConfiguredEmulator, taddons.context]]:
    emulator = ConfiguredEmulator()
    with taddons.context(proxyserver.Proxyserver(), emulator) as tctx:
        yield emulator, tctx


def test_every_setting_is_an_option_but_those_that_mitmproxy_has():
    with context() as (_, tctx):
        declared = {name for name, _ in tctx.options.items() if name.startswith("pixel_")}
        assert declared == {
            f"pixel_{setting.name}" for setting in settings() if setting.name not in _NOT_OPTIONS
        }
        option = tctx.options._options["pixel_dialect"]
        assert option.default == Settings().dialect
        assert option.choices == ("documented", "strict")
        assert option.help.startswith("Which account of the endpoint decides")


def test_options_become_settings():
    with context() as (emulator, tctx):
        tctx.configure(emulator, pixel_dialect="strict", pixel_hosts=["a.example"])
        assert emulator.settings == Settings(
            dialect="strict", hosts=("a.example",), host=emulator.settings.host
        )
        flow = flow_of(host="a.example")
        emulator.addons[0].request(flow)
        assert flow.response is not None


@pytest.mark.parametrize(
    ("listen_host", "mode", "host"),
    [
        ("127.0.0.1", ["regular"], "127.0.0.1"),
        ("", ["regular"], ""),
        ("0.0.0.0", ["regular"], "0.0.0.0"),
        ("127.0.0.1", ["regular", "socks5@192.0.2.1:1080"], "192.0.2.1"),
        ("::1", ["regular"], "127.0.0.1"),
    ],
)
def test_listen_host_is_that_of_mitmproxy(listen_host: str, mode: list[str], host: str):
    with context() as (emulator, tctx):
        tctx.configure(emulator, listen_host=listen_host, mode=mode)
        assert emulator.settings.host == host


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("pixel_dialect", "stric", 'pixel_dialect: "stric" is not documented or strict'),
        ("pixel_source", ["key"], 'pixel_source: "key" is not NAME=KEY'),
        ("pixel_source", [""], "pixel_source: an empty string is not NAME=KEY"),
        ("pixel_source", ["production"], 'pixel_source: "production" is not NAME=KEY'),
        ("pixel_source", ["wk_test_00"], 'pixel_source: "wk_…" is not NAME=KEY'),
        ("pixel_source", ["=wk_test_00"], 'pixel_source: "=wk…" is not NAME=KEY'),
        ("pixel_source", ["k" * 20], 'pixel_source: "kkkk…" is not NAME=KEY'),
        ("pixel_source", ["k" * 999], 'pixel_source: "kkkk…" is not NAME=KEY'),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(option: str, value: object, message: str):
    with context() as (emulator, tctx):
        with pytest.raises(exceptions.OptionsError, match=re.escape(message)):
            tctx.configure(emulator, **{option: value})
        assert emulator.settings == Settings(host=emulator.settings.host)


def test_options_cannot_change_while_it_runs(tmp_path: Path):
    with context() as (emulator, tctx):
        emulator.running()
        journal = emulator.journal
        with pytest.raises(exceptions.OptionsError, match="can only be set at the start"):
            tctx.configure(emulator, pixel_record=str(tmp_path / "late.yaml"))
        tctx.configure(emulator, listen_host="0.0.0.0")
        assert emulator.settings.host == "0.0.0.0"
        assert emulator.journal is journal
        emulator.done()


def test_connections_are_lazy_unless_they_are_made_eager_later():
    with context() as (emulator, tctx):
        assert tctx.options.connection_strategy == "lazy"
        tctx.configure(emulator, connection_strategy="eager")
        assert tctx.options.connection_strategy == "eager"


def test_failures_of_the_journal_are_logged_once(caplog: pytest.LogCaptureFixture):
    with context() as (emulator, _):
        emulator.running()
        emulator.journal.fail("the disk is full")
        emulator.response(flow_of())
        emulator.response(flow_of())
        emulator.journal.fail("still full")
        emulator.done()
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert errors == ["the disk is full", "still full"]


def test_an_error_logged_by_mitmproxy_is_a_failure_and_is_not_logged_again(
    caplog: pytest.LogCaptureFixture,
):
    with context() as (emulator, _):
        emulator.running()
        MITMPROXY_LOGGER.error("a hook has raised")
        emulator.response(flow_of())
        emulator.done()
    assert emulator.journal.failures == ("mitmproxy: a hook has raised",)
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert errors == ["a hook has raised"]


@pytest.mark.parametrize("name", ["emudhra", "emudhra_old"])
def test_an_option_that_signs_with_a_compromised_ca_is_refused(name: str):
    """mitmproxy 12.3.x has these options; the one installed here does not, so they are made up."""
    with context() as (emulator, tctx):
        tctx.options.add_option(name, bool, False, "As in 12.3.x.")
        tctx.configure(emulator)
        with pytest.raises(exceptions.OptionsError, match=f"refuses mitmproxy's option {name}:"):
            tctx.configure(emulator, **{name: True})
