"""`ringwarden journal verify`."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from proxy.cli import main
from proxy.storage import chain
from proxy.storage.database import Database
from proxy.storage.journal import Row


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    database = Database(tmp_path / "calls.db", 0.1)
    database.mark(chain.BEGAN)
    database.write([Row(1.0, "a"), Row(2.0, "b")])
    database.mark(chain.BEGAN)
    database.write([Row(3.0, "c")], dropped=4)
    database.close()
    return tmp_path / "calls.db"


def test_a_whole_journal_is_told_with_its_gaps(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "verify", "--journal", str(journal)]) == 0
    told = capsys.readouterr().out
    assert "a stop without warning" in told and "4 row(s)" in told and "the chain holds: 4 link(s), 3 call(s)" in told
    assert main(["journal", "verify", "--journal", str(journal), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["holds"] and [gap["rows"] for gap in found["gaps"]] == [None, 4]
    assert main(["journal", "verify", "--journal", str(journal), "--head", found["head"]]) == 0
    assert main(["journal", "verify", "--journal", str(journal), "--head", "00"]) == 1


def test_a_changed_one_is_a_negative_verdict(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(journal)) as link:
        link.execute("UPDATE calls SET reason = 'none' WHERE id = 2")
        link.commit()
    assert main(["journal", "verify", "--journal", str(journal)]) == 1
    assert "calls 1 to 2" in capsys.readouterr().out


def test_a_journal_that_is_not_there_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", "verify", "--journal", str(tmp_path / "none")]) == 2
    assert main(["journal", "verify"]) == 2
    assert "which journal?" in capsys.readouterr().err
