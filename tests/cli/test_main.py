"""The command itself: help, version, errors."""

import subprocess
import sys

import pytest

from ase_dos import __version__
from ase_dos.cli.main import NAMES, main

# The tiny models of these tests know little, and say so.
pytestmark = pytest.mark.filterwarnings("ignore::ase_dos.spectra.local_dos.NoveltyWarning")


def test_help_lists_all_commands_and_imports_nothing_heavy():
    code = (
        "import sys; from ase_dos.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "bad = {'numba', 'scipy', 'matplotlib', 'ase_dos.model.dos_model'} & set(sys.modules)\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in NAMES:
        assert command in done.stdout


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert __version__ in capsys.readouterr().out


def test_help_states_the_defaults():
    from ase_dos.cli.train import HYPERPARAMETERS
    from ase_dos.model_selection.hyperparameters import DEFAULTS

    assert {name.replace("-", "_") for name, *_ in HYPERPARAMETERS} == set(DEFAULTS) - {
        "radial_scaling"
    }
    for name, _, text in HYPERPARAMETERS:
        default = DEFAULTS[name.replace("-", "_")]
        assert default is None or f"default: {default:g})" in text


def test_traceback_on_request(model, tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        main(["-T", "trajectory", str(tmp_path / "absent"), "--model", str(model), "-o", "x"])


def test_interrupt_is_not_a_success(capsys, model, md, tmp_path, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("ase_dos.trajectory.frame.dos_record", interrupt)
    with pytest.raises(SystemExit) as stop:
        main(["trajectory", str(md), "--model", str(model), "-o", str(tmp_path / "o")])
    assert stop.value.code == 130
    assert "interrupted" in capsys.readouterr().err
