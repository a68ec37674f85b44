"""Lists at the edge: reading their files, and keeping them as generations that are swapped whole.

`files` reads number lists and tables of traced calls, `areacodes` the files of the do-not-call registry; `registry`
builds and maps its bitmap. What the lists say is `policy`'s.
"""

from proxy.lists.files import (
    BUNDLED,
    MAX_BYTES,
    SHOWN,
    ListError,
    Loaded,
    Report,
    blocks,
    bundled,
    campaigns,
    import_letter,
    inventory,
    numbers,
    senders,
)

__all__ = [
    "BUNDLED", "MAX_BYTES", "SHOWN", "ListError", "Loaded", "Report", "blocks", "bundled", "campaigns", "import_letter",
    "inventory", "numbers", "senders",
]  # fmt: skip
