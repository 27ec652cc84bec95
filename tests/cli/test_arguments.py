"""Numbers out of range are refused by the name of their option, before anything is read."""

import pytest
from command_line import fails

from ase_dos.cli.arguments import integer, number

RANGES = [
    ("train", "--smearing", "a number > 0", ["0", "-1", "nan", "inf", "x"]),
    ("train", "--validation", "a number >= 0 and < 1", ["1", "-0.1", "nan"]),
    ("train", "--budget", "a number > 0", ["0", "-1"]),
    ("train", "--search", "an integer >= 1", ["0", "1.5"]),
    ("train", "--modes", "an integer >= 1", ["0"]),
    ("train", "--cutoff", "a number > 0", ["0", "nan"]),
    ("train", "--max-angular", "an integer >= 0", ["-1"]),
    ("train", "--sparse-points", "an integer >= 1", ["0"]),
    ("train", "--count-below", "a number", ["nan", "gap"]),
    ("train", "--grid-step", "a number > 0", ["0", "-0.1"]),
    ("predict", "--temperature", "a number >= 0", ["-1", "nan", "hot"]),
    ("trajectory", "--members", "an integer >= 2", ["1"]),
    ("trajectory", "--block-atoms", "an integer >= 1", ["0"]),
    ("trajectory", "--processes", "an integer >= 1", ["0"]),
    ("export", "--from", "a number >= 0", ["-1", "nan"]),
    ("export", "--points", "an integer >= 8", ["7"]),
    ("export", "--atomic-volume", "a number > 0", ["-3"]),
    ("export", "--coupling", "a number > 0", ["0"]),
    ("report", "--frames", "an integer >= 1", ["0"]),
    ("compile", "--processes", "an integer >= 1", ["0"]),
]


@pytest.mark.parametrize(("command", "option", "expected", "values"), RANGES)
def test_ranges(capsys, command, option, expected, values):
    for value in values:
        line = fails(capsys, command, option, value)
        assert option in line
        assert f"expected {expected}, got " in line
        assert value in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "x", "-o", "m.npz", "--cutoff", "3", "--cutoff-smoothing", "4"], "the cutoff"),
        (["train", "x", "-o", "m.npz", "--radial-scaling", "1", "2", "4.5"], "exponent"),
        (["train", "x", "-o", "m.npz", "--radial-basis", "20"], "from 1 to 8"),
        (["export", "x", "-o", "c.csv", "--from", "0"], "--from: expected a number > 0, got 0"),
        (["train"], "DATA"),
        (["tain"], "invalid choice"),
        (["train", "x", "-o", "m.npz", "--cut-off", "3"], "--cut-off"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_the_data_are_read(capsys, words, message):
    assert message in fails(capsys, *words)


def test_python_names_become_options(capsys):
    line = fails(capsys, "train", "x", "-o", "m.npz", "--cutoff", "3", "--cutoff-smoothing", "4")
    assert "error: --cutoff-smoothing: expected at most the cutoff of 3" in line


def test_what_is_in_range_passes():
    assert number(least=0, below=1)("0") == 0
    assert number()("-3.5") == -3.5
    assert integer(2)("2") == 2
