"""A search in a process of its own, to be killed."""

import json
import os
import sys
import time

import numpy as np

import nelder


class Logged:
    """Rosenbrock's function, which notes in a file that an evaluation begins."""

    def __init__(self, log, seconds):
        self.log, self.seconds = log, seconds

    def __call__(self, x):
        file = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, x.tobytes().hex().encode() + b"\n")
        os.close(file)
        time.sleep(self.seconds)
        return float(np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2))


def run(journal, *, log, n, workers, maxfev, seconds=0.0, k=None):
    """Run or resume the search; return what must not differ in any bit."""
    result = nelder.minimize(
        Logged(log, seconds),
        np.linspace(-1.2, 1.0, n),
        method=nelder.NelderMead() if k is None else nelder.KWorst(k),
        workers=workers,
        maxfev=maxfev,
        history=True,
        journal=journal,
    )
    return {
        "points": result.history.points.tobytes().hex(),
        "values": result.history.values.tobytes().hex(),
        "simplex": result.final_simplex.vertices.tobytes().hex(),
        "x": result.x.tobytes().hex(),
        "fun": float(result.fun).hex(),
        "status": int(result.status),
        "counts": [result.nfev, result.nit, result.nshrink, result.nrestart],
    }


def main():
    """Run with the arguments JOURNAL OPTIONS, the latter in JSON."""
    print(json.dumps(run(sys.argv[1], **json.loads(sys.argv[2]))))
