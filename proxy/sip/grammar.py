"""The grammar of RFC 3261 section 25 as regular expressions, each under its rule. Nothing is decided here.

Fragments, which other files put together, and a few whole rules. All repetition over received octets is possessive
(`*+`) or runs to a fixed delimiter, so that matching is linear: no input makes it slow. A group repeats inside an
atomic one, `(?>(?:...)*)`: before Python 3.11.5 a possessive group loses its place where its last turn fails halfway.

We are lenient where the world is and no harm comes of it (an underscore in a host, octets over 0x7f in a display
name, `#` in a user part) and strict where two readers could see two different messages.
"""

from __future__ import annotations

import re

# Single octets, to be looked for as numbers. `b"," in line` first fails to read `b","` as a number, raises and forgets
# an exception, and takes ten times as long; for more than one octet `find` is the fast way.
CR, QUOTE, PERCENT, COMMA, SEMICOLON, LESS = b'\r"%,;<'

# token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")
TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]++"
# LWS = [*WSP CRLF] 1*WSP; values are unfolded before they are matched, so that SP and HTAB are left.
WSP = r"[ \t]*+"
# quoted-string = SWS DQUOTE *(qdtext / quoted-pair) DQUOTE; NUL and other control octets are let through, as
# RFC 4475 section 3.1.1.2 has them.
QUOTED = r'"(?>(?:[^"\\]++|\\.)*)"'
# hostname / IPv4address / IPv6reference. The text of an IPv6 address is not checked (RFC 5118 section 4.10).
HOST = r"(?:\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9\-._]++)"
PORT = r"[0-9]{1,5}+"
# gen-value = token / host / quoted-string; lenient: whatever cannot be taken for a delimiter.
VALUE = rf'(?:{QUOTED}|[^\x00-\x20;,="<>\x7f][^\x00-\x20;,"<>\x7f]*+)'
# *( SEMI generic-param )
PARAMS = rf"(?>(?:{WSP};{WSP}{TOKEN}(?>(?:{WSP}={WSP}{VALUE})?))*)"
# The same as nearly all of them are: no blanks, no quotes.
PLAIN_PARAMS = r'(?>(?:;[^\x00-\x20,"<>\x7f]++)?)'

IS_TOKEN = re.compile(TOKEN.encode()).fullmatch

# SIP-Version = "SIP" "/" 1*DIGIT "." 1*DIGIT, not case-sensitive
IS_VERSION = re.compile(rb"SIP/[0-9]++\.[0-9]++", re.IGNORECASE).fullmatch
