"""``nelder show`` and ``nelder export``: what stands in a study."""

from __future__ import annotations

import csv
import json
import math
import os
import shlex
import sys
import time
from collections import Counter
from datetime import datetime
from typing import IO, Any

from nelder.cli.display import duration, model_steps, noise, repeats
from nelder.cli.endings import details, number
from nelder.cli.replay import Standing, standing
from nelder.cli.studies import Recorded, run_of, study_of
from nelder.errors import InvalidArgumentError
from nelder.journal.lock import Holder, holder_of
from nelder.journal.reading import load
from nelder.journal.study import Study

__all__ = ["export", "show"]

MOST = 10  # kinds of failures, and failures in full, that are shown


def show(path: str, failures: bool, as_json: bool) -> None:
    """Print what stands in a study, also while it is written.

    Parameters
    ----------
    path : str
    failures : bool
        Whether to show the last failed evaluations in full.
    as_json : bool
        One JSON object instead.

    Raises
    ------
    JournalError
        It cannot be read.
    """
    journal = load(path)
    run, study, writer = run_of(journal), study_of(journal), holder_of(journal.path)
    if as_json:
        print(json.dumps(_object(path, run, study, writer), allow_nan=False))
        return
    title = run.problem.title if run else "made in Python, with nelder.minimize"
    print(f"study {path}: {title}")
    lines = [*_table(_facts(path, run, study, writer)), *_failures(study)]
    print("\n".join(lines))
    if failures:
        print("\n".join(_failures_in_full(study)))


def _status(
    path: str, run: Recorded | None, now: Standing | None, writer: Holder | None
) -> tuple[str, str]:
    """Return how far the search has come, and what goes on."""
    if run is None:
        return ("running", "") if writer else ("", "the same call again goes on where it stands")
    if now and now.ended:
        return f"{now.result.status.kind}: {now.result.message}", ""
    if writer:
        return "running", ""
    return "not ended" if now else "nothing evaluated yet", _resume(path)


def _resume(path: str) -> str:
    return f"nelder resume {shlex.quote(path)}"


def _facts(
    path: str, run: Recorded | None, study: Study, writer: Holder | None
) -> list[tuple[str, str]]:
    rows = study.evaluations
    now = standing(run, study) if run and len(rows) else None
    status, further = _status(path, run, now, writer)
    facts = [("status", status)] if status else []
    facts += [("written by", f"{writer}")] if writer else []
    best = _best(study, now)
    if best is not None:
        facts.append(("best value", repr(best[1])))
        order = run.problem.parameters if run else study.names
        facts += [(f"  {name}", repr(best[0][name])) for name in order]
    parts = [f"{len(rows)}"]
    if len(study.failures):
        parts.append(f"{len(study.failures)} of them failed")
    if now and now.result.nfev < len(rows):
        parts.append(f"{now.result.nfev} used by the search")
    if now:
        parts += [of for of in (model_steps(now.result), repeats(now.result)) if of]
    facts.append(("evaluations", ", ".join(parts)))
    if now and noise(now.result):
        facts.append(("values", noise(now.result)))
    if len(rows):
        typical = sorted(rows.seconds.tolist())[len(rows) // 2]
        facts.append(("one takes", f"{typical:.3g} s (median)"))
        last = float((rows.began + rows.seconds).max())
        facts.append(("last one", f"{_when(last)}, {duration(max(time.time() - last, 0.0))} ago"))
    facts.append(("created", f"{_when(study.created)} by nelder {study.version}"))
    return facts + ([("go on with", further)] if further else [])


def _best(study: Study, now: Standing | None) -> tuple[dict[str, float], float] | None:
    """Return the best point, by name, and its value: the lowest, or under noise the search's."""
    if now and now.result.noise and math.isfinite(now.result.fun):
        return now.result.x, now.result.fun
    if study.best is None:
        return None
    return dict(zip(study.names, study.best.x.tolist(), strict=True)), study.best.value


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).isoformat(" ", "seconds")


def _table(rows: list[tuple[str, str]]) -> list[str]:
    width = max(len(name) for name, _ in rows)
    return [f"  {name:<{width}}  {value}" for name, value in rows]


def _failures(study: Study) -> list[str]:
    """Count what went wrong, the most frequent first."""
    failures = study.failures
    if not len(failures):
        return []
    kinds = Counter(zip(failures.failures.tolist(), failures.messages.tolist(), strict=True))
    lines = ["failures:"]
    lines += [f"{some:>8}  {kind}: {what}" for (kind, what), some in kinds.most_common(MOST)]
    if len(kinds) > MOST:
        lines.append(f"          and {len(kinds) - MOST} other messages")
    return lines


def _failures_in_full(study: Study) -> list[str]:
    failures = study.failures
    lines: list[str] = []
    for i in range(max(0, len(failures) - MOST), len(failures)):
        point = " ".join(
            f"{name}={value!r}"
            for name, value in zip(study.names, failures.X[i].tolist(), strict=True)
        )
        lines += [
            "",
            f"failure {i + 1} of {len(failures)}, attempt {failures.attempts[i]}, "
            f"after {duration(failures.seconds[i])}: {point}",
            f"  {failures.failures[i]}: {failures.messages[i]}",
            *(f"  | {line}" for line in failures.details[i].splitlines()),
        ]
    return lines or ["no evaluation failed"]


def _object(path: str, run: Recorded | None, study: Study, writer: Holder | None) -> dict[str, Any]:
    rows = study.evaluations
    facts: dict[str, Any] = {
        "study": path,
        "created": study.created,
        "version": study.version,
        "evaluations": len(rows),
        "failed": len(study.failures),
        "writer": writer and writer._asdict(),
        "x": None,
        "fun": None,
    }
    now = standing(run, study) if run and len(rows) else None
    best = _best(study, now)
    if best is not None:
        facts["x"], facts["fun"] = best[0], number(best[1])
    if now is not None:
        facts["ended"] = now.ended
        facts["status"] = now.result.status.name if now.ended else "RUNNING"
        facts["nfev"] = now.result.nfev
        facts |= details(now.result)
    return facts


# Export


def export(path: str, target: str) -> int:
    """Write a study's evaluations as CSV and return their number.

    Parameters
    ----------
    path : str
    target : str
        A file, which is written anew, or ``-`` for standard output.

    Raises
    ------
    JournalError
        The study cannot be read.
    InvalidArgumentError
        The file cannot be written, or is the study.
    """
    study = study_of(load(path))
    if target == "-":
        _write(study, sys.stdout)
        return len(study.evaluations)
    if os.path.exists(target) and os.path.samefile(target, path):
        raise InvalidArgumentError(f"--csv {target}: expected another file than the study")
    try:
        with open(target, "w", encoding="utf-8", newline="") as file:
            _write(study, file)
    except OSError as error:
        raise InvalidArgumentError(f"--csv {target}: cannot write it: {error.strerror}") from error
    return len(study.evaluations)


def _write(study: Study, file: IO[str]) -> None:
    rows = study.evaluations
    values: list[object] = [
        "" if failed else value
        for value, failed in zip(rows.values.tolist(), rows.failures.tolist(), strict=True)
    ]
    columns: dict[str, list[object]] = {
        "value": values,
        "failure": rows.failures.tolist(),
        "message": rows.messages.tolist(),
        "attempt": rows.attempts.tolist(),
        "final": [int(final) for final in rows.final],
        "search": rows.search.tolist(),
        "worker": rows.workers.tolist(),
        "began": rows.began.tolist(),
        "seconds": rows.seconds.tolist(),
    }
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*study.names, *(name + "_" * (name in study.names) for name in columns)])
    writer.writerows(
        [*x, *rest] for x, *rest in zip(rows.X.tolist(), *columns.values(), strict=True)
    )
