"""Pure readers and builders of the vendors' payloads. Record and replay do without them."""
