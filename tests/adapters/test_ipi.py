"""Hot electrons for i-PI and other servers of its protocol, through ASE's socket client."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.socketio import SocketClient, SocketIOCalculator
from ase.units import Ha
from lammps_runs import alloy
from toy_pairs import PairModel

from ase_dos.adapters.ase import DOSCalculator

TEMPERATURE = 9000.0
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
INPUT = """
<simulation verbosity='quiet'>
  <output prefix='run'>
    <properties stride='1' filename='out'> [ potential, conserved ] </properties>
  </output>
  <total_steps>3</total_steps>
  <ffsocket mode='unix' name='electrons' pbc='false'> <address>{name}</address> </ffsocket>
  <system>
    <initialize nbeads='1'>
      <file mode='ase' units='ase'> start.xyz </file>
      <velocities mode='thermal' units='kelvin'> 300 </velocities>
    </initialize>
    <forces> <force forcefield='electrons'/> </forces>
    <motion mode='dynamics'>
      <dynamics mode='nve'> <timestep units='femtosecond'> 1 </timestep> </dynamics>
    </motion>
  </system>
</simulation>
"""


def client(name, atoms):
    """Serve what the electrons add to the potential of another program, until the server ends."""
    atoms.calc = DOSCalculator(PairModel(), electronic_temperature=TEMPERATURE)
    SocketClient(unixsocket=name, timeout=60).run(atoms, use_stress=True)


def test_another_program_gets_energy_forces_and_stress():
    atoms, name = alloy(2, skew=0.2), f"ase_dos_test_{os.getpid()}"
    with SocketIOCalculator(unixsocket=name, timeout=60) as server:
        thread = threading.Thread(target=client, args=(name, atoms.copy()))
        thread.start()
        for seed in (1, 2):
            atoms.rattle(0.1, seed=seed)
            atoms.set_cell(atoms.cell.array * 1.01, scale_atoms=True)
            atoms.calc = server
            found = [atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()]
            atoms.calc = DOSCalculator(PairModel(), electronic_temperature=TEMPERATURE)
            wanted = [atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()]
            for one, other in zip(found, wanted, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * np.abs(other).max())
    thread.join()


@pytest.mark.skipif(shutil.which("i-pi", path=PATH) is None, reason="no i-pi in PATH")
def test_a_run_of_ipi(tmp_path):
    atoms, name = alloy(2), f"ase_dos_test_{os.getpid()}"
    atoms.write(tmp_path / "start.xyz", format="extxyz")
    (tmp_path / "input.xml").write_text(INPUT.format(name=name))
    command = [shutil.which("i-pi", path=PATH), "input.xml"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as server:
        while not Path(f"/tmp/ipi_{name}").exists():
            assert server.poll() is None
            time.sleep(0.05)
        client(name, atoms.copy())
    assert server.returncode == 0
    potential, conserved = np.loadtxt(tmp_path / "run.out").T
    atoms.calc = DOSCalculator(PairModel(), electronic_temperature=TEMPERATURE)
    assert potential[0] * Ha == pytest.approx(atoms.get_potential_energy(), rel=1e-7)
    assert np.ptp(conserved) < 1e-3 * np.ptp(potential)
