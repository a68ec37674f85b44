"""`python -m proxy.cli`: the command without an installation."""

import sys

from proxy.cli import main

sys.exit(main())
