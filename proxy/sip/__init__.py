"""RFC 3261 as values and tables: bytes and time in; bytes, events and one next timer out.

Pure: the standard library only, no I/O, no clock, no randomness. It knows nothing of STIR or of policy.
"""
