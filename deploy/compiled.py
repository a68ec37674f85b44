"""ringwarden with its SIP room as machine code: the same sources, made to C by mypyc. `make compiled` builds the wheel.

    python deploy/compiled.py wheel FOLDER     a wheel for this Python and machine, the plain sources in it too
    python deploy/compiled.py tree FOLDER      a copy of this checkout, compiled in place: for tests and benchmarks

A call costs less CPU then (`benchmarks/README.md` says how much), and nothing else changes: without the compiled files
the plain ones serve. Only `proxy.sip` is compiled. Of `shaken`, `policy` and `proxy.screening` it was tried: calls that
come one by one find cold caches, and there more code costs what fewer instructions save.

Needs a C compiler, Python's headers, mypy and setuptools (the extra `compile`), and half a minute.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOM = "proxy/sip"
NOT_OURS = shutil.ignore_patterns(".*", "__pycache__", "*.so", "*.egg-info", "build", "dist", "mutants", "var")
SETUP = """from mypyc.build import mypycify
from setuptools import setup

setup(ext_modules=mypycify({names!r}, group_name="ringwarden", debug_level="0"))
"""
SECONDS = 900.0
"""That a build may take."""


def missing() -> str:
    """What is not there that it takes; empty where all is."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler}); Debian: apt install gcc"
    if not Path(sysconfig.get_paths()["include"], "Python.h").is_file():
        return "Python's headers are not there; Debian: apt install python3-dev"
    return ""


def tree(folder: Path) -> None:
    """Make a copy of this checkout and compile it in place. Raises OSError, subprocess.SubprocessError."""
    shutil.copytree(ROOT, folder, ignore=NOT_OURS, dirs_exist_ok=True)
    names = sorted(
        str(one.relative_to(folder)) for one in (folder / ROOM).glob("*.py") if one.name != "__init__.py"
    )
    script = folder / "setup.py"
    script.write_text(SETUP.format(names=names))
    _run(folder, str(script), "--quiet", "build_ext", "--inplace")


def wheel(folder: Path) -> None:
    """Build the wheel into a folder. Raises OSError, subprocess.SubprocessError."""
    with tempfile.TemporaryDirectory() as name:
        tree(Path(name))
        how = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder.resolve()))
        _run(Path(name), "-m", "pip", "wheel", *how, ".")


def _run(folder: Path, *command: str) -> None:
    out = subprocess.PIPE
    done = subprocess.run(
        (sys.executable, *command), cwd=folder, timeout=SECONDS, text=True, stdout=out, stderr=subprocess.STDOUT
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
    done.check_returncode()


def main() -> int:
    parser = argparse.ArgumentParser(description="ringwarden with its SIP room as machine code")
    parser.add_argument("what", choices=("wheel", "tree"))
    parser.add_argument("folder", type=Path)
    wanted = parser.parse_args()
    if why := missing():
        print(why, file=sys.stderr)
        return 2
    try:
        (wheel if wanted.what == "wheel" else tree)(wanted.folder)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"not built: {error}", file=sys.stderr)
        return 1
    print(f"built in {wanted.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
