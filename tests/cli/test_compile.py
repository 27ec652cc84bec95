"""``ase-dos compile`` names what it has compiled, in the order of the list."""

from ase_dos.cli.compile import JOBS
from ase_dos.cli.main import main


def test_all_kernels_are_compiled(capsys):
    main(["compile", "--processes", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line[:28].strip() for line in lines] == list(JOBS)
    assert all(line.endswith(" s") for line in lines)
