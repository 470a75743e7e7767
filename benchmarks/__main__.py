"""Run benchmarks: ``python -m benchmarks [name ...]``."""

import argparse
import sys
from collections.abc import Callable

from benchmarks import (
    asktell,
    batched,
    journal,
    keras_fit,
    kills,
    models,
    multistart,
    native,
    nist_fits,
    noise,
    overhead,
    parallel,
    pool,
    scaling,
    solved,
    subspaces,
    tfp,
    uncertainty,
    whole_box,
)
from benchmarks.build import BuildError
from benchmarks.report import Report, machine, write

BENCHMARKS: dict[str, Callable[[], Report]] = {
    "overhead": overhead.run,
    "native": native.run,
    "asktell": asktell.run,
    "solved": solved.run,
    "nist": nist_fits.run,
    "scaling": scaling.run,
    "parallel": parallel.run,
    "pool": pool.run,
    "journal": journal.run,
    "multistart": multistart.run,
    "kills": kills.run,
    "batched": batched.run,
    "tfp": tfp.run,
    "keras": keras_fit.run,
    "models": models.run,
    "subspaces": subspaces.run,
    "noise": noise.run,
    "whole_box": whole_box.run,
    "uncertainty": uncertainty.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; all")
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        before = machine()
        try:
            report = BENCHMARKS[name]()
        except BuildError as error:
            print(f"{name} is left out: {error}", file=sys.stderr, flush=True)
            continue
        paths = write(name, report, before)
        print(f"\n{report.markdown()}\n")
        print(f"written: {', '.join(path.name for path in paths)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
