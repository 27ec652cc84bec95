"""Compiled kernels: arrays and scalars in, arrays out; no checks and no defaults."""
