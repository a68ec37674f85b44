"""PASSporT and the Identity header (RFC 8224, 8225, 8226, 8588): pure, usable as a library."""
