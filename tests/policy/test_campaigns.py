"""Names of campaigns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.campaigns import families, family, label_key, named
from policy.letter import Table


@pytest.mark.req("REG-025")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("GovtImpers", "Govtlmpers", True),
        ("GovtImpers", " govtimpers\n", True),
        ("Tech Support-Lumen", "Tech  Support-Lumen", True),
        ("Tech-Support-Fraud", "Tech-Support-Fraud-G2", False),
        ("Amazon-Impers", "Amazon-Impers-P2", False),
        ("LawEnforcement-Impers", "LawEnforcement-Impers-P2", False),
    ],
)
def test_spellings_of_one_name_share_a_key(one: str, other: str, same: bool) -> None:
    assert (label_key(one) == label_key(other)) is same


@pytest.mark.req("REG-025")
@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Lovtatormensmpers", "LawEnforcement-Impers"),
        (" Chinese-ISP/Cable/Wireless- ", "Chinese-ISP/Cable/Wireless-Impers"),
        ("Something New-P7", "Something New-P7"),
        ("Amazon-Impers-P2", "Amazon-Impers-P2"),
    ],
)
def test_a_known_slip_is_put_right_and_a_new_name_is_kept(written: str, name: str) -> None:
    assert named(written) == name


def test_the_names_of_the_letter_are_all_different_and_all_have_a_family(letter_of_2023: Table) -> None:
    names = {row.campaign for row in letter_of_2023.rows}
    assert len(names) == len({label_key(name) for name in names}) == 28
    assert all(family(name) in families()[:-1] for name in names)
    assert family("LawEnforcement-GovtImpers-P1") == "government impersonation"
    assert family("Grandparentscam") == family("Relative-Scam") == "family emergency"
    assert family("Something New") == "other"


@pytest.mark.req("TRAP-93")
@given(st.text(max_size=60))
def test_families_are_a_closed_set(text: str) -> None:
    assert family(text) in families()
    assert label_key(label_key(text)) == label_key(text)
