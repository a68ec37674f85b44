"""Where certificates and keys come from: the I/O edge of STIR."""
