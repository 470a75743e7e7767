"""Builds the compiled core; everything else about the package stands in pyproject.toml.

A compiler that is missing or fails leaves an install that runs the same files uncompiled.
"""

import sys

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

# No contraction into fused multiply-adds: compiled and uncompiled agree to the last bit.
FLAGS = (
    ["/O2", "/fp:precise"]
    if sys.platform == "win32"
    else [
        "-O3",
        "-ffp-contract=off",
        "-fno-math-errno",
        "-fno-trapping-math",
    ]
)

extensions = [
    Extension(
        f"nelder.core.{name}",
        [f"src/nelder/core/{name}.py"],
        include_dirs=[numpy.get_include()],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
        extra_compile_args=FLAGS,
    )
    for name in ("bounds", "machine", "k_worst", "spanned")
]

modules = cythonize(
    extensions,
    language_level=3,
    compiler_directives={
        "boundscheck": False,
        "wraparound": False,
        "initializedcheck": False,
        "cdivision": True,
    },
)
for module in modules:
    module.optional = True  # cythonize does not pass it on

setup(ext_modules=modules)
