"""The direction of imports, and what importing the package may cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "ase_dos"

# What each room may import of the others; subpackages count as one room.
ALLOWED = {
    "__init__": {"_version"},
    "_version": set(),
    "checks": set(),
    "files": set(),
    "kernels": set(),
    "spectrum": {"checks"},
    "states": {"checks"},
    "readers": {"checks", "spectrum", "states"},
    "targets": {"checks", "kernels", "spectrum"},
    "neighbors": {"checks", "kernels"},
    "peers": {"checks", "neighbors"},
    "layers": {"checks", "kernels"},
    "layout": {"checks"},
    "radial": {"checks", "kernels"},
    "soap": {"checks", "kernels", "layers", "layout", "neighbors", "peers", "radial"},
    "compression": {"soap"},
    "fermi": {"checks", "kernels"},
    "functionals": {"checks", "kernels"},
    "smearing": {"kernels"},
    "thermo": {"checks", "fermi", "functionals", "smearing"},
    "fit": {"checks", "kernels", "spectrum", "targets"},
    "evaluation": {"fit", "spectrum", "targets"},
    "uncertainty": {"checks", "spectrum"},
    "training": {"checks", "compression", "fit", "soap", "spectrum", "targets"},
    "dataset": {"states"},
    "modelfile": {"_version", "files"},
    "predictor": {
        "checks",
        "fit",
        "kernels",
        "layers",
        "neighbors",
        "soap",
        "spectrum",
        "uncertainty",
    },
    "model": {
        "_version",
        "checks",
        "compression",
        "evaluation",
        "fit",
        "modelfile",
        "predictor",
        "soap",
        "spectrum",
        "targets",
        "training",
        "uncertainty",
    },
    "blocks": {"checks", "neighbors", "predictor", "spectrum"},
    "excitation": {"fermi", "spectrum"},
    "splitting": set(),
    "selection": {"_version", "checks", "files", "fit", "model", "soap", "targets", "training"},
    "learning": {"model", "training"},
    "calculator": {"checks", "excitation", "model", "spectrum", "thermo"},
    "electrons": {"fermi", "functionals", "kernels", "spectrum"},
    "cells": {"electrons"},
    "pulse": {"checks"},
    "heating": {"cells", "checks", "electrons", "pulse"},
    "thermostat": {"checks", "heating"},
    "mdlog": set(),
    "restart": {"checks", "electrons", "files"},
    "md": {
        "calculator",
        "cells",
        "checks",
        "electrons",
        "heating",
        "mdlog",
        "pulse",
        "restart",
        "thermostat",
    },
    "statistics": {"checks"},
    "frames": {"checks", "files"},
    "tables": {"checks", "files"},
    "heat_capacity": {"checks", "frames", "model", "statistics", "tables", "thermo"},
    "ttm_mod": {"checks", "files", "tables"},
    "growing": {"files"},
    "store": {"_version", "checks", "growing"},
    "series": {"checks", "spectrum", "store"},
    "averages": {"checks", "series", "statistics", "store"},
    "comparison": {"averages", "series"},
    "results": {"averages", "frames", "series", "spectrum", "store"},
    "analysis": {
        "_version",
        "checks",
        "fermi",
        "model",
        "smearing",
        "spectrum",
        "store",
        "thermo",
    },
    "cluster": set(),
    "apply": {"cluster"},
    "trajectory": {"analysis", "apply", "blocks", "checks", "frames", "results", "store"},
    "observer": {"analysis", "results", "store"},
    "coordination": {"checks", "neighbors"},
    "local": {"frames", "series", "spectrum", "store"},
    "grouping": {"checks", "local", "spectrum", "statistics"},
    "local_map": {"checks", "local"},
    "plot": {"averages", "checks", "evaluation", "series"},
    "html_report": {
        "_version",
        "averages",
        "coordination",
        "files",
        "grouping",
        "local",
        "local_map",
        "plot",
        "series",
    },
    "report": {
        "evaluation",
        "learning",
        "model",
        "plot",
        "selection",
        "spectrum",
        "uncertainty",
    },
}
# Methods that delegate to a later room when they are called; nothing is imported before.
SHORTCUTS = {
    ("spectrum", "thermo"),
    ("spectrum", "plot"),
    ("states", "thermo"),
    ("uncertainty", "thermo"),
}


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree, body_only):
    nodes = tree.body if body_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ase_dos"):
            parts = node.module.split(".")
            names = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
            yield from names
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("ase_dos."))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.name))
def test_imports_follow_the_table(path):
    here = room(path)
    if here == "cli":
        return
    tree = ast.parse(path.read_text())
    assert set(imports(tree, body_only=True)) - {here} <= ALLOWED[here]
    everything = set(imports(tree, body_only=False)) - {here}
    assert {name for name in everything - ALLOWED[here] if (here, name) not in SHORTCUTS} == set()


def test_import_is_light():
    code = (
        "import sys, ase_dos; "
        "print(sum(m.split('.')[0] in ('numba', 'ase', 'matplotlib') for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_every_public_name_resolves():
    import ase_dos

    for name in ase_dos.__all__:
        assert getattr(ase_dos, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ase_dos.nonsense
