"""The same signing and verification for others, by HTTP (ATIS-1000082; 3GPP TS 24.229 Annex V).

`asking` reads requests and knows what is wrong with them; `signing` and `verification` answer them; `server` is the
HTTP around both. Nothing here decides anything that `shaken` and `policy` do not.
"""
