"""Where certificates and keys come from: the I/O edge of STIR."""

LAB = "ringwarden lab"
"""The organisation (O) in the subject of every root that our own lab makes: how such a root is told apart."""
