"""Whether the SIP room that is tested is machine code (`deploy/compiled.py`), which nobody can look into."""

from __future__ import annotations

import pytest

from proxy.sip import parser

COMPILED = not str(parser.__file__).endswith(".py")

looks_inside = pytest.mark.skipif(COMPILED, reason="puts something of its own into a module, which is machine code here")
