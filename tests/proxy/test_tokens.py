"""Branches and tags: of allowed characters, never the same twice."""

from __future__ import annotations

import pytest

from proxy.tokens import RandomTokens


@pytest.mark.req("SIP-041", "SIP-042")
def test_a_hundred_thousand_branches_are_all_different_and_of_token_characters() -> None:
    tokens = RandomTokens()
    made = {tokens.branch() for _ in range(100_000)}
    assert len(made) == 100_000
    assert set("".join(made)) <= set("0123456789abcdef")
    assert {len(token) for token in made} == {16}


def test_tokens_are_drawn_in_blocks() -> None:
    drawn: list[int] = []

    def draw(size: int) -> bytes:
        drawn.append(size)
        return bytes(size)

    tokens = RandomTokens(draw)
    for _ in range(513):
        tokens.tag()
    assert drawn == [4096, 4096]
