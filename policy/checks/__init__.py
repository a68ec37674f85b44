"""One file a check: `check(call, book) -> Finding | None`. Their order stands in `policy.decide`."""
