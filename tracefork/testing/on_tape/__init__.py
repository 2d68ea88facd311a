"""A test on a tape: answered from it, or recorded, and judged. Knows nothing of pytest."""
