"""Pure glue between a SIP request and what `shaken` and `policy` need to know of it."""
