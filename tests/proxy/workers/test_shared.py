"""The memory that processes share."""

from __future__ import annotations

from proxy import figures
from proxy.workers.shared import FIGURES, Shared


def test_every_figure_has_a_cell() -> None:
    assert len(figures.FIGURES) <= FIGURES


def test_each_worker_has_a_slice_of_its_own() -> None:
    shared = Shared(3, metrics=5, tally=4, behaviour=4)
    shared.metrics[1][4] = -7
    shared.figures[2][FIGURES - 1] = 9
    assert [list(part) for part in shared.metrics[:3]] == [[0] * 5, [0, 0, 0, 0, -7], [0] * 5]
    assert [sum(part) for part in shared.figures] == [0, 0, 9]
    assert all(sum(part) == 0 for part in shared.tally)
