"""Values to bytes and back. Pure: files, clocks and sockets are for others."""
