"""The transports' contract as a test class, and how it asks an adapter."""
