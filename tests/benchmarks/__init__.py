"""Benchmarks: ratios to nginx and to the direct call, measured on one machine in one run."""
