"""What can go wrong with a signed call, as exceptions. Hostile bytes raise ParseError and nothing else."""

from __future__ import annotations


class ShakenError(Exception):
    """Base of the family. `slug` is the stable reason, the text a sentence."""

    def __init__(self, why: str, slug: str = "identity-syntax") -> None:
        super().__init__(why)
        self.slug = slug


class ParseError(ShakenError):
    """Bytes that are no token, no Identity header, no TNAuthList."""


class CredentialError(ShakenError):
    """A chain, key or authority that may not vouch for a call."""

    def __init__(self, why: str, slug: str = "identity-untrusted-chain") -> None:
        super().__init__(why, slug)


class SigningError(ShakenError):
    """A token that may not or cannot be made."""

    def __init__(self, why: str, slug: str = "signing-failed") -> None:
        super().__init__(why, slug)
