"""The pure core: values and functions over them. No I/O, no clock, no chance, no globals."""
