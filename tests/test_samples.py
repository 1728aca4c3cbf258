"""The samples say what they are said to say, and look the same to every way of reading them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pixel_emulator.cli import demo as module
from pixel_emulator.cli.demo import Sample, folder, samples
from pixel_emulator.core.endpoint.urls import request_from_url
from pixel_emulator.core.model import Alphabet, Form, Outcome
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.email.html_pixels import find_pixels
from pixel_emulator.email.mail_source import read
from pixel_emulator.email.render import RenderResult, fetch_images, find_browser, render
from pixel_emulator.files.read_write import read_document
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings

SAMPLES = {sample.name: sample for sample in samples()}
SETTINGS = Settings(port=0, offline=True)


def pixels(sample: Sample):
    (mail,) = read(sample.mail.name, sample.mail.read_bytes())
    html = mail.shown
    return find_pixels(html, hosts=SETTINGS.hosts)


def hits(*chosen: Sample):
    journal = Journal(SETTINGS)
    for sample in chosen:
        for pixel in pixels(sample):
            journal.record(request_from_url(pixel.url))
    return journal


def scenario(sample: Sample):
    (only,) = parse(read_document(sample.scenario))
    return only


def test_the_broken_one_comes_last():
    assert [sample.name for sample in samples()] == ["welcome", "receipt", "newsletter", "broken"]


def test_every_mail_at_the_top_of_the_folder_has_its_scenario():
    mails = {path for path in folder().iterdir() if path.suffix in (".html", ".eml")}
    assert mails == {sample.mail for sample in samples()}


WIRE = {
    "welcome": [(Form.BASE64, Alphabet.STD), (Form.BASE64, Alphabet.URL)],
    "newsletter": [(Form.FLAT, None)],
    "receipt": [(Form.BASE64, Alphabet.URL)],
    "broken": [(Form.BASE64, None), (Form.BASE64, Alphabet.URL), (Form.BASE64, Alphabet.URL)],
}


@pytest.mark.parametrize("name", SAMPLES)
def test_forms_and_alphabets(name):
    calls = [hit.call for hit in hits(SAMPLES[name]).hits]
    assert [(call.form, call.alphabet) for call in calls] == WIRE[name]


OUTCOMES = {
    "welcome": [(Outcome.DELIVERED, [])] * 2,
    "newsletter": [(Outcome.DELIVERED, [])],
    "receipt": [(Outcome.DELIVERED, [])],
    "broken": [
        (Outcome.DROPPED, ["bad_request"]),
        (Outcome.DROPPED, ["no_user_anon_id"]),
        (Outcome.DAMAGED, ["template_token"]),
    ],
}


@pytest.mark.parametrize("name", SAMPLES)
def test_outcomes_and_problems(name):
    recorded = hits(SAMPLES[name]).hits
    assert [
        (hit.outcome, [problem.code for problem in hit.problems]) for hit in recorded
    ] == OUTCOMES[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_each_scenario_is_met_by_its_mail(name):
    verdict = verify([scenario(SAMPLES[name])], hits(SAMPLES[name]).evidence())
    assert verdict.exit_code == 0


def test_together_they_are_met_by_all_mails():
    verdict = verify([*map(scenario, samples())], hits(*samples()).evidence())
    assert verdict.exit_code == 0


@pytest.mark.parametrize("name", SAMPLES)
def test_no_scenario_is_met_by_another_mail(name):
    others = [sample for sample in samples() if sample.name != name]
    assert verify([scenario(SAMPLES[name])], hits(*others).evidence()).exit_code == 1


@pytest.mark.parametrize("name", SAMPLES)
def test_every_pixel_is_asked_for_and_stands_on_a_line(name):
    assert all(pixel.is_requested and pixel.line for pixel in pixels(SAMPLES[name]))


def test_all_mails_open_in_a_browser():
    browser = find_browser(os.environ)
    if browser is None:
        pytest.skip("no browser here: install the Debian package chromium-headless-shell")

    def open_mail(file: Path, emulator) -> RenderResult:
        return render(
            file, browser=browser, proxy=emulator.proxy, spki=emulator.authority.spki, timeout=60
        )

    assert opened(open_mail) == expected()


def test_all_mails_open_without_a_browser():
    def open_mail(file: Path, emulator) -> RenderResult:
        ca = emulator.authority.ca
        return fetch_images(file, hosts=SETTINGS.hosts, proxy=emulator.proxy, ca=ca)

    assert opened(open_mail) == expected()


def opened(open_mail):
    from pixel_emulator.proxy.emulator import Emulator

    journal = Journal(SETTINGS)
    with Emulator(SETTINGS, journal) as emulator:
        assert [open_mail(sample.mail, emulator).error for sample in samples()] == [""] * len(
            SAMPLES
        )
    return sorted(hit.request.url for hit in journal.hits)


def expected():
    return sorted(pixel.url for sample in samples() for pixel in pixels(sample))


def test_an_installed_package_finds_its_own_folder(tmp_path):
    package = tmp_path / "pixel_emulator"
    shutil.copytree(Path(module.__file__).parents[1], package)
    shutil.copytree(folder(), package / "scenarios")
    script = "from pixel_emulator.cli.demo import *; print(folder(), len(samples()))"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == [str(Path("pixel_emulator", "scenarios")), "4"]


def test_no_sample_names_a_real_host_or_key():
    text = "".join(path.read_text() for path in folder().rglob("*") if path.is_file())
    hosts = {part.split("/")[0] for part in text.split("https://")[1:]}
    assert hosts == {"example.com", "api.segment.io"}
