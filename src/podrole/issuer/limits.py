"""The limits of the times in an issuer's record. Commands check their options against them without reading a record."""

MAX_SECONDS = 1 << 32
"""Of a duration."""
MAX_TIME = 1 << 37
"""In epoch seconds; with the longest duration behind it, it is still a date."""
