"""How a fault is told."""

from __future__ import annotations

import pytest

from proxy.settings.errors import Faults, SettingsError, nearest


@pytest.mark.parametrize(
    ("word", "known", "cure"),
    [
        ("mod", ["mode", "name"], "did you mean `mode`?"),
        ("zzzz", ["mode", "name"], "known here: mode, name"),
        ("zzzz", [], "nothing can be set here"),
        ("x" * 100_000, ["mode"], "known here: mode"),
    ],
)
def test_a_word_that_nobody_knows_gets_the_nearest_one(word: str, known: list[str], cure: str) -> None:
    assert nearest(word, known) == cure


def test_a_fault_names_file_key_and_cure() -> None:
    faults = Faults("a.toml")
    faults.add("trunk[2].mode", "it is odd", "make it even")
    faults.add("", "there is nothing", "write something")
    assert faults.found == [
        "a.toml: trunk[2].mode: it is odd; make it even",
        "a.toml: there is nothing; write something",
    ]
    assert str(SettingsError(faults.found)) == "\n".join(faults.found)
