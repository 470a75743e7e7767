"""Pictures of searches and of benchmarks, by Matplotlib.

Figures are made without ``pyplot``: nothing is shown, no state is changed, no display is needed.
"""

from __future__ import annotations

from nelder.plots.profile import plot_profile
from nelder.plots.search import plot_result, plot_search

__all__ = ["plot_profile", "plot_result", "plot_search"]
