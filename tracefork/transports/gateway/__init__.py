"""A proxy on loopback through which programs in any language ask, and what they ask becomes a run's."""
