"""Stands in for Cython's ``cython`` module where that is not installed and nothing is compiled."""

from contextlib import nullcontext

compiled = False
nogil = nullcontext()
Py_ssize_t = int
double = float
bint = bool
