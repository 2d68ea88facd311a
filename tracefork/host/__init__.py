"""The process and interpreter that tracefork is embedded in: clocks, imports, patches, call sites."""
