"""Few examples: what a property shows, it shows with the first of them, and a run has thousands of faults to try."""

from hypothesis import settings

settings.register_profile("few", max_examples=12, deadline=None, derandomize=True, database=None)
settings.load_profile("few")
