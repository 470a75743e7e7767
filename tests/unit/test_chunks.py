"""How many evaluations a driver asks for between two looks at the clock."""

import pytest

from nelder.drive.loop import CHUNK_SECONDS, GROWTH, _next_chunk


@pytest.mark.parametrize(
    ("evaluations", "seconds", "expected"),
    [
        (1, 0.0, int(GROWTH)),  # too quick to be measured: grow, but not at once without limit
        (100, 1e-9, int(100 * GROWTH)),
        (100, CHUNK_SECONDS, 100),
        (100, 2.0 * CHUNK_SECONDS, 50),
        (1, 3600.0, 1),  # an hour each: look after every one
        (0, 3600.0, 1),  # the stage had nothing to evaluate
        (1000, 3600.0, 1),
    ],
)
def test_next_chunk(evaluations, seconds, expected):
    assert _next_chunk(evaluations, seconds) == expected
