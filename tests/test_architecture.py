"""The direction of imports, and what importing the package may cost."""

import importlib
import subprocess
import sys

import architecture
import pytest
from architecture import FLOORS, GROUND, PACKAGE

FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
ROOMS = sorted({architecture.room(module) for module in architecture.modules(PACKAGE)} - GROUND)


def test_every_package_has_a_floor():
    assert sorted(FLOOR_OF) == ROOMS
    assert len(FLOORS) <= 9


@pytest.mark.parametrize("room", ROOMS)
def test_imports_lead_down(room):
    reached = {other for here, other in architecture.arrows(PACKAGE) if here == room}
    assert [other for other in reached if FLOOR_OF[other] >= FLOOR_OF[room]] == []


def test_there_is_no_circle_of_modules():
    assert architecture.circles(architecture.arrows(PACKAGE, of=lambda module: module)) == []


def test_values_of_ours_are_annotated_with_their_type():
    files = architecture.modules(PACKAGE).values()
    assert [one for path in files for one in architecture.loose_parameters(path)] == []


def test_the_reader_sees_what_breaks_the_rules(tmp_path):
    """Imports in functions count, a circle is found, and so is an `Any` for a value of ours."""
    for name, text in {
        "__init__": "",
        "low": "def f(model: Any):\n    from house.high import thing\n",
        "high": "import house.low\n",
    }.items():
        (tmp_path / "house").mkdir(exist_ok=True)
        (tmp_path / "house" / f"{name}.py").write_text(text)
    edges = architecture.arrows(tmp_path / "house")
    assert edges == {("low", "high"), ("high", "low")}
    assert architecture.circles(edges) == [["high", "low"]]
    assert architecture.height({("c", "b"), ("b", "a"), ("c", "a")}) == 3
    assert architecture.loose_parameters(tmp_path / "house" / "low.py") == ["low.py:1 model"]


def test_import_is_light():
    code = (
        "import sys, ase_dos; "
        "print(sum(m.split('.')[0] in ('numba', 'ase', 'matplotlib') for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


@pytest.mark.parametrize(
    "package", ["", *(f".{room}" for room in ROOMS if (PACKAGE / room / "__init__.py").exists())]
)
def test_every_public_name_resolves(package):
    found = importlib.import_module(f"ase_dos{package}")
    for name in getattr(found, "__all__", ()):
        assert getattr(found, name) is not None
        # A module of that name would stand in for it once it has been imported.
        assert not (PACKAGE / package.strip(".") / f"{name}.py").exists()
        assert not (PACKAGE / package.strip(".") / name).is_dir()
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = found.nonsense
