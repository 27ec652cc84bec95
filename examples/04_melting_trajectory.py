"""Follow the electrons of silicon through melting: what ``ase-dos trajectory`` does, in Python."""

from pathlib import Path

from ase_dos import analyze_trajectory

trajectory = Path(__file__).with_name("silicon_melting.extxyz.xz")
result = analyze_trajectory(
    trajectory, "silicon", temperatures=(3000.0,), output="melting.zarr", step=4, progress=False
)
print(result.summary())
