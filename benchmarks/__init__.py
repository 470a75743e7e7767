"""Benchmarks of the package: problem sets and the drivers that run them."""
