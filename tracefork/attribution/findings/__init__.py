"""Reports of blame: their values, rankings, tables and files."""
