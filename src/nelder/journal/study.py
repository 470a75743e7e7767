"""What a journal holds, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nelder.errors import missing_extra

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Best", "Evaluations", "Study"]

_SHOWN = 20  # parameters in a repr


class Best(NamedTuple):
    """The lowest value and its point.

    Attributes
    ----------
    x : ndarray of shape (dim,)
    value : float
    """

    x: NDArray[np.float64]
    value: float


@dataclass(frozen=True, eq=False, repr=False)
class Evaluations:
    """Recorded attempts in the order in which they were recorded, a row each.

    ``evaluations[mask]`` and ``evaluations[start:end]`` are those rows.

    Attributes
    ----------
    search : ndarray of shape (m,), int
        Which search of the study asked first; 0 where there is one.
    X : ndarray of shape (m, dim)
        The points.
    values : ndarray of shape (m,)
        NaN also where the attempt failed.
    failures : ndarray of shape (m,), str
        The kind of failure, as ``"timeout"``; "" where there is a value.
    messages : ndarray of shape (m,), str
        What happened, in one line.
    details : ndarray of shape (m,), str
        A traceback, or what a program wrote.
    began : ndarray of shape (m,)
        Unix time, seconds.
    seconds : ndarray of shape (m,)
        How long it took.
    workers : ndarray of shape (m,), str
        Who did it: ``host:pid``, or ``host:pid/thread``.
    attempts : ndarray of shape (m,), int
        From 1.
    final : ndarray of shape (m,), bool
        Whether it is a value, or a failure that was not tried again.
    """

    search: NDArray[np.int64]
    X: NDArray[np.float64]
    values: NDArray[np.float64]
    failures: NDArray[np.object_]
    messages: NDArray[np.object_]
    details: NDArray[np.object_]
    began: NDArray[np.float64]
    seconds: NDArray[np.float64]
    workers: NDArray[np.object_]
    attempts: NDArray[np.int64]
    final: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | NDArray[Any]) -> Evaluations:
        return Evaluations(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Evaluations]) -> Evaluations:
        """Put one or more after one another."""
        return cls(
            *(
                np.concatenate([getattr(part, field.name) for part in parts])
                for field in fields(cls)
            )
        )

    def __repr__(self) -> str:
        failed = int((self.failures != "").sum())
        dim = self.X.shape[1]
        return f"<{len(self)} evaluations at points of {dim} coordinates, {failed} of them failed>"


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """A study: the settings of a search, or of many, and every evaluation.

    Attributes
    ----------
    name : str
    settings : dict
        What was recorded of the problem and the method.
    created : float
        Unix time, seconds.
    version : str
        Of the nelder that created it.
    evaluations : Evaluations
    """

    name: str
    settings: dict[str, Any]
    created: float
    version: str
    evaluations: Evaluations

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The name of each coordinate, that in ``x0`` or ``x[0]``, ``x[1]`` and so on."""
        dim = self.evaluations.X.shape[1]
        names = tuple(self.settings.get("names", ()))
        return names if len(names) == dim else tuple(f"x[{i}]" for i in range(dim))

    @cached_property
    def best(self) -> Best | None:
        """The lowest value and its point, the first where several are equal; None without any."""
        values = self.evaluations.values
        if np.isnan(values).all():
            return None
        row = int(np.nanargmin(values))
        return Best(self.evaluations.X[row], float(values[row]))

    @cached_property
    def failures(self) -> Evaluations:
        """The attempts that failed."""
        return self.evaluations[self.evaluations.failures != ""]

    def frame(self) -> pd.DataFrame:
        """Return the evaluations as a pandas frame.

        A column for each parameter, by its name, then ``value``, ``failure``, ``message``,
        ``details``, ``attempt``, ``final``, ``search``, ``worker``, ``began`` (UTC) and
        ``seconds``; one of these has an underscore after it where a parameter has its name.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        try:
            pandas: Any = import_module("pandas")
        except ImportError as error:
            raise missing_extra("frame()", "pandas") from error
        rows = self.evaluations
        columns: dict[str, Any] = dict(zip(self.names, rows.X.T, strict=True))
        recorded: Mapping[str, Any] = {
            "value": rows.values,
            "failure": rows.failures,
            "message": rows.messages,
            "details": rows.details,
            "attempt": rows.attempts,
            "final": rows.final,
            "search": rows.search,
            "worker": rows.workers,
            "began": pandas.to_datetime(rows.began, unit="s", utc=True),
            "seconds": rows.seconds,
        }
        for name, column in recorded.items():
            columns[name + "_" * (name in self.names)] = column
        return pandas.DataFrame(columns)

    def __repr__(self) -> str:
        found = "none"
        if self.best is not None:
            pairs = list(zip(self.names, self.best.x.tolist(), strict=True))
            point = ", ".join(f"{name}={value:.10g}" for name, value in pairs[:_SHOWN])
            found = f"{self.best.value:.12g} at {point}" + ", …" * (len(pairs) > _SHOWN)
        created = datetime.fromtimestamp(self.created).astimezone().isoformat(" ", "seconds")
        return "\n".join(
            (
                f"nelder study {self.name!r}",
                f"       best: {found}",
                f"evaluations: {len(self.evaluations)}",
                f"     failed: {len(self.failures)}",
                f"    created: {created} by nelder {self.version}",
            )
        )
