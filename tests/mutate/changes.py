"""The changes themselves: mutmut writes a copy of the tree into `mutants/` in which each function of proxy/sip stands
beside all its changed forms, and an environment variable says which of them runs.
"""

from __future__ import annotations

import io
import os
from contextlib import redirect_stdout
from pathlib import Path

from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, walk_mutatable_files


def written(root: Path) -> dict[str, str]:
    """Name of each change -> the hash of its function as it stands now. What stands there already is not made again."""
    os.chdir(root)
    (root / "mutants").mkdir(exist_ok=True)
    set_mutant_under_test("mutant_generation")
    assert config().source_paths
    for path in (root / "mutants").rglob("*.py"):
        source = root / path.relative_to(root / "mutants")
        if not source.exists():
            path.unlink()
    with redirect_stdout(io.StringIO()):  # a line for each file
        copy_src_dir()
        copy_also_copy_files()
        create_mutants(1)
    found: dict[str, str] = {}
    for path in sorted(walk_mutatable_files()):
        data = SourceFileMutationData(path=path)
        data.load()
        for name in data.exit_code_by_key:
            function = name.rpartition(".")[2].partition("__mutmut_")[0]
            found[name] = data.hash_by_function_name.get(function, "")
    return found
