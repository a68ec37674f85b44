"""A TNAuthList that a certificate does not hold but points to (RFC 8226 section 10.1): for holders of so many numbers
that a certificate would grow too long.

The list lies at an https URL in the certificate's Authority Information Access and is nothing but DER. Here it travels
with the file: in a block after the certificates, where nobody but us may have put it. Pure: who fetches hands it in.
"""

from __future__ import annotations

import base64
import binascii
import re

from cryptography import x509

from shaken.errors import ParseError
from shaken.tnauthlist import TNAuthList, from_der

ACCESS = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.14")
"""id-ad-stirTNList."""
MAX_LIST = 32 * 1024
"""Octets: several thousand entries; with its certificates it still fits into one file."""

_LABEL = b"TN AUTHORIZATION LIST"
_BLOCK = re.compile(rb"-----BEGIN %s-----(.*?)-----END %s-----\s*" % (_LABEL, _LABEL), re.DOTALL)


def where(leaf: x509.Certificate) -> str | None:
    """The URL of the list, if the certificate points to one."""
    try:
        access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None
    for one in access:
        if one.access_method == ACCESS and isinstance(one.access_location, x509.UniformResourceIdentifier):
            return one.access_location.value
    return None


def bare(pem: bytes) -> bytes:
    """The file without any such block: what a repository wrote there counts for nothing."""
    return _BLOCK.sub(b"", pem) if _LABEL in pem else pem


def attach(pem: bytes, der: bytes) -> bytes:
    """The file with the list that was fetched for it. Raises ParseError for what is no list."""
    if len(der) > MAX_LIST:
        raise ParseError("the TNAuthList is too long", "identity-bad-certificate")
    from_der(der)
    block = b"-----BEGIN %s-----\n%s-----END %s-----\n" % (_LABEL, base64.encodebytes(der), _LABEL)
    return bare(pem).rstrip(b"\n") + b"\n" + block


def attached(pem: bytes) -> TNAuthList | None:
    """The list that travels with a file. Raises ParseError for a block that is none."""
    found = _BLOCK.search(pem)
    if found is None:
        return None
    try:
        return from_der(base64.b64decode(b"".join(found[1].split()), validate=True))
    except binascii.Error as error:
        raise ParseError("the TNAuthList beside the certificate is damaged") from error
