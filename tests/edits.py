"""Bodies that others are made of: pieces kept, dropped, moved, repeated, and new ones between."""

from hypothesis import strategies as st

pieces = st.sampled_from(
    [b"", b"a", b"\x00" * 40, bytes(range(256)), b'{"role": "user"}, ' * 9, b"x" * 4096]
) | st.binary(max_size=90)
bodies = st.lists(pieces, max_size=8).map(b"".join)


@st.composite
def edited(draw, base=None):
    """A body, and another that was made of it."""
    base = draw(bodies) if base is None else base
    parts = []
    for _ in range(draw(st.integers(0, 6))):
        if draw(st.booleans()) and base:
            low = draw(st.integers(0, len(base)))
            parts.append(base[low : low + draw(st.integers(0, len(base)))])
        else:
            parts.append(draw(pieces))
    return base, b"".join(parts)
