"""Scenarios selected by tags."""

import pytest

from pixel_emulator.core.errors import SelectionError
from pixel_emulator.core.scenarios.scenario import Scenario, select_by_tags

ALL = [
    Scenario(name="plain"),
    Scenario(name="quick", tags=("fast",)),
    Scenario(name="both", tags=("fast", "mail")),
    Scenario(name="mail", tags=("mail",)),
]


@pytest.mark.parametrize(
    ("tags", "names"),
    [
        ([], "plain quick both mail"),
        (["fast"], "quick both"),
        (["fast", "mail"], "quick both mail"),
        (["!fast"], "plain mail"),
        (["mail", "!fast"], "mail"),
        (["!mail", "fast"], "quick"),
        (["!mail", "!fast"], "plain"),
    ],
)
def test_one_tag_is_enough_and_excluded_tags_win(tags, names):
    assert " ".join(scenario.name for scenario in select_by_tags(ALL, tags)) == names


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (["fsat"], '--tag fsat: no scenario has this tag (did you mean "fast"?)'),
        (["!fsat"], '--tag !fsat: no scenario has this tag (did you mean "fast"?)'),
        (["fast", "slow"], "--tag slow: no scenario has this tag; there are fast, mail"),
        (["Fast"], '--tag Fast: no scenario has this tag (did you mean "fast"?)'),
        ([""], "--tag : no scenario has this tag; there are fast, mail"),
        (["fast", "!fast"], "--tag fast --tag !fast: no scenario is chosen, so nothing can be met"),
    ],
)
def test_unknown_tags_and_empty_selections_raise(tags, message):
    with pytest.raises(SelectionError) as refused:
        select_by_tags(ALL, tags)
    assert str(refused.value) == message


def test_the_message_if_no_scenario_has_a_tag():
    with pytest.raises(SelectionError, match="none has any"):
        select_by_tags(ALL[:1], ["fast"])


def test_selecting_from_no_scenarios_is_allowed():
    assert select_by_tags([], []) == ()
