from __future__ import annotations

import pytest

from auheat.errors import AuheatError, unknown_name

AUS = ["AU01", "AU04", "AU10", "AU14", "AU17"]


@pytest.mark.parametrize(
    ("typed", "meant"), [("AU1", "AU01"), ("AU4", "AU04"), ("au10", "AU10"), ("AU014", "AU14")]
)
def test_the_hint_looks_past_case_and_leading_zeros(typed: str, meant: str) -> None:
    assert f"did you mean {meant!r}?" in str(unknown_name("Action Unit", typed, AUS))


def test_message_names_kind_place_hint_and_all_known() -> None:
    error = unknown_name("setting", "colour", ["color", "size"], "train.toml")
    assert isinstance(error, AuheatError)
    assert str(error) == (
        "unknown setting 'colour' in train.toml: did you mean 'color'? known are color, size"
    )


def test_nothing_near_gives_no_hint() -> None:
    assert str(unknown_name("subcommand", "zzz", iter(["predict", "train"]))) == (
        "unknown subcommand 'zzz': known are predict, train"
    )


def test_message_stays_one_line() -> None:
    assert "\n" not in str(unknown_name("subcommand", "a\nb", ["train"]))
