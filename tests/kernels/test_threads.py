"""Work shared out among threads: every item once, in order, whatever their number."""

import os
import threading

import numba
import numpy as np
import pytest

from ase_dos.kernels.threads import on_threads


@pytest.fixture
def two_threads():
    before = numba.get_num_threads()
    numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
    yield
    numba.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 1000])
@pytest.mark.parametrize("grain", [1, 64])
@pytest.mark.parametrize("pieces", [1, 4])
def test_ranges_cover_every_item_once_and_in_order(count, grain, pieces):
    ranges = on_threads(count, lambda a, b: (a, b), grain=grain, pieces=pieces)
    assert np.concatenate([np.arange(a, b) for a, b in ranges]).tolist() == list(range(count))
    assert all(a % grain == 0 for a, _ in ranges)


def test_one_thread_works_in_the_caller():
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        seen = on_threads(1000, lambda a, b: (a, b, threading.get_ident()))
    finally:
        numba.set_num_threads(before)
    assert seen == [(0, 1000, threading.get_ident())]


@pytest.mark.usefixtures("two_threads")
def test_an_error_comes_through_and_later_work_goes_on():
    def fail(a, b):
        raise ValueError(f"bad {a}")

    with pytest.raises(ValueError, match="bad"):
        on_threads(100, fail)
    assert sum(b - a for a, b in on_threads(100, lambda a, b: (a, b))) == 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.usefixtures("two_threads")
def test_forked_processes_have_threads_of_their_own():
    on_threads(100, lambda a, b: None)
    child = os.fork()
    if not child:
        done = sum(b - a for a, b in on_threads(100, lambda a, b: (a, b)))
        os._exit(0 if done == 100 else 1)
    assert os.waitpid(child, 0)[1] == 0
