"""What the pages and scripts of the repository name: modules, functions, files, commands."""

import argparse
import ast
import importlib
import importlib.util
import re
import shlex
import shutil

import pytest
from architecture import FLOORS, PACKAGE, arrows, modules
from paths import REPOSITORY

import ase_dos

PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "data/*/README.md", "tests/data/*/README.md")
    for path in REPOSITORY.glob(pattern)
)
SCRIPTS = sorted(
    path
    for folder in ("benchmarks", "data", "examples", "tests/data")
    for path in REPOSITORY.glob(f"{folder}/**/*.py")
)
HOUSE = (REPOSITORY / "CONTRIBUTING.md").read_text()
FOLDERS = "|".join(("ase_dos", "benchmarks", "data", "docs", "examples", "tests"))


def name(path):
    return str(path.relative_to(REPOSITORY))


def resolves(dotted):
    """Whether a dotted name leads to a module, or to something in one."""
    if dotted.removeprefix("ase_dos.") in modules(PACKAGE):
        return True  # found without an import, which may need an optional package
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("ase_dos"):  # an optional package is not there
                file = modules(PACKAGE).get(".".join(parts[1:-1]))
                return file is not None and f"def {parts[-1]}(" in file.read_text()
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def docstrings(path):
    """All docstrings of a file."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    found = (
        ast.get_docstring(n) for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, kinds)
    )
    return "\n".join(filter(None, found))


def commands(text):
    """Commands of the package in code blocks, as lists of words."""
    text = text.replace("\\\n", " ")
    for line in re.findall(r"^(?: {4}|\S*/)?ase-dos ([a-z].*)$", text, re.MULTILINE):
        yield shlex.split(line, comments=True)


def mentions(text):
    """Commands and options between backticks."""
    for command, rest in re.findall(r"`ase-dos\s+([a-z][a-z-]*)\b([^`]*)`", text):
        yield command, re.findall(r"--[\w-]+", rest)


def parser_of(command):
    parser = argparse.ArgumentParser(exit_on_error=False)
    importlib.import_module(f"ase_dos.cli.{command.replace('-', '_')}").CLICommand.add_arguments(
        parser
    )
    return parser


def code_blocks(text):
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_names_and_files_on_pages_exist(path):
    text = path.read_text()
    dotted = set(re.findall(r"\base_dos(?:\.[a-zA-Z_]\w*)+", text))
    assert [one for one in sorted(dotted) if not resolves(one)] == []
    files = set(re.findall(rf"(?<![\w/.-])(?:{FOLDERS})/[\w./-]*\w", text))
    assert [one for one in sorted(files) if not (REPOSITORY / one).exists()] == []
    scripts = set(re.findall(r"python -m ((?:benchmarks|data)(?:\.\w+)+)", text))
    found = [REPOSITORY / f"{one.replace('.', '/')}.py" for one in sorted(scripts)]
    assert [one for one in found if not one.exists()] == []
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert [one for one in links if not (path.parent / one).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_members_of_public_classes_exist(path):
    pairs = re.findall(r"`(\w+)\.(\w+)", path.read_text())
    for owner, member in {pair for pair in pairs if pair[0] in ase_dos.__all__}:
        found = getattr(ase_dos, owner)
        fields = getattr(found, "__annotations__", ())
        assert hasattr(found, member) or member in fields, f"{owner}.{member}"


@pytest.mark.parametrize("module", sorted(modules(PACKAGE)))
def test_names_in_docstrings_exist(module):
    text = docstrings(modules(PACKAGE)[module])
    dotted = set(re.findall(r"\base_dos(?:\.[a-zA-Z_]\w*)+", text))
    assert [one for one in sorted(dotted) if not resolves(one)] == []
    files = set(re.findall(r"`((?:benchmarks|data|docs|examples)/[\w./-]+)`", text))
    assert [one for one in sorted(files) if not (REPOSITORY / one).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_on_pages_are_understood(path):
    for command, *words in commands(path.read_text()):
        parser_of(command).parse_args(words)
    for command, options in mentions(path.read_text()):
        known = parser_of(command).format_help()
        assert [option for option in options if option not in known] == [], command


def test_picture_of_the_house_is_that_of_the_imports():
    """Each arrow is an import, and each import is an arrow or follows from arrows."""
    picture = re.search(r"\n\n((?: {4}.*\n| {4,}\d .*\n)+)", HOUSE.partition("## The house")[2])[1]
    drawn = {
        (room, other)
        for room, others in re.findall(r"(\w+) ──► (\w+(?:, \w+)*)", picture)
        for other in others.split(", ")
    }
    floor, floors = 0, {}
    for line in picture.splitlines():
        floor = int(number[0]) if (number := re.match(r" +(\d)", line)) else floor
        heads = re.sub(r"──► \w+(?:, \w+)*", "", line)
        floors |= dict.fromkeys(re.findall("[a-z_]+", heads), floor)
    assert floors == {room: i + 1 for i, rooms in enumerate(FLOORS) for room in rooms}
    imports = arrows(PACKAGE)
    assert drawn - imports == set()
    assert imports - reached(drawn) == set()


def reached(edges):
    """Pairs of which the second is reached from the first."""
    found = set(edges)
    while more := {(a, d) for a, b in found for c, d in edges if b == c} - found:
        found |= more
    return found


def test_walks_name_what_exists():
    rooms = "|".join(room for floor in FLOORS for room in floor)
    names = set(re.findall(rf"`((?:{rooms})(?:\.\w+)+)`", HOUSE))
    assert len(names) > 30
    assert [one for one in sorted(names) if not resolves(f"ase_dos.{one}")] == []


def imported(tree):
    """Module and name of what a script imports of the repository."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and re.match(
            "(ase_dos|benchmarks|data)\\b", node.module
        ):
            for alias in node.names:
                yield node.module, alias.name


def top_level(path):
    """Names that a script defines or imports."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        names |= {getattr(node, "name", "")}
    return names


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_what_scripts_import_exists(path):
    for module, wanted in imported(ast.parse(path.read_text())):
        if module.startswith("ase_dos"):
            assert resolves(f"{module}.{wanted}"), f"{module}.{wanted}"
        else:
            other = REPOSITORY / f"{module.replace('.', '/')}.py"
            assert wanted in top_level(other), f"{module}.{wanted}"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_code_on_pages_imports_what_exists(path):
    for block in code_blocks(path.read_text()):
        for module, wanted in imported(ast.parse(block)):
            assert resolves(f"{module}.{wanted}"), f"{module}.{wanted}"


TUTORIALS = [REPOSITORY / "docs/start.md", *sorted((REPOSITORY / "docs/howto").glob("*.md"))]


@pytest.mark.filterwarnings("ignore:.*tail of its Gaussian smearing")
@pytest.mark.parametrize("path", [p for p in TUTORIALS if code_blocks(p.read_text())], ids=name)
def test_code_of_tutorials_runs(path, tmp_path, monkeypatch):
    """Beside the outputs of DFT programs and the results that they name."""
    shutil.copytree(REPOSITORY / "tests/data/states", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    if "melting.zarr" in path.read_text():
        frames = REPOSITORY / "examples/silicon_melting.extxyz.xz"
        ase_dos.analyze_trajectory(frames, "silicon", (3000.0,), "melting.zarr", stop=2)
    values = {}
    for block in code_blocks(path.read_text()):
        exec(block, values)


def test_pages_of_the_api_have_all_public_names():
    pages = {p.stem: p.read_text() for p in (REPOSITORY / "docs/api").glob("*.md")}
    table = set(re.findall(r"^   ~ase_dos\.[\w.]*?(\w+)$", pages["index"], re.MULTILINE))
    assert table == set(ase_dos.__all__) - {"__version__"}
    public = [
        room
        for floor in FLOORS
        for room in floor
        if hasattr(importlib.import_module(f"ase_dos.{room}"), "__all__")
    ]
    assert [room for room in public if f"automodule:: ase_dos.{room}\n" not in pages[room]] == []


def public_names(module):
    """Names that a module offers, read without an import where they are a plain list."""
    tree = ast.parse(modules(PACKAGE)[module.removeprefix("ase_dos.")].read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set(importlib.import_module(module).__all__)


def in_module(dotted):
    """Name that comes after the module in a dotted one; none after a module alone."""
    parts = dotted.split(".")[1:]
    found = (i for i in range(1, len(parts) + 1) if ".".join(parts[:i]) in modules(PACKAGE))
    depth = max(found, default=0)
    return parts[depth : depth + 1]


def test_what_pages_and_examples_use_is_in_the_api():
    """Each class and function: that its module is a public one is told by a page of the API."""
    api = "".join(p.read_text() for p in (REPOSITORY / "docs/api").glob("*.md"))
    described = set(ase_dos.__all__)
    for module in re.findall(r"automodule:: (\S+)", api):
        described |= public_names(module)
    used = set()
    for path in (*PAGES, *(REPOSITORY / "examples").glob("**/*.py")):
        text = path.read_text()
        blocks = code_blocks(text) if path.suffix == ".md" else [text]
        used |= {name for block in blocks for _, name in imported(ast.parse(block))}
        for dotted in re.findall(r"`(ase_dos(?:\.\w+)+)", text):
            used.update(in_module(dotted))
    assert sorted(name for name in used - described if not name.isupper()) == []


@pytest.mark.filterwarnings("ignore:.*tail of its Gaussian smearing")
def test_first_example_of_the_readme_gives_what_it_says():
    """A crystal of eight atoms: 32 valence electrons, energies from the Fermi level."""
    values = {}
    exec(code_blocks((REPOSITORY / "README.md").read_text())[0], values)
    assert values["dos"].n_electrons == 32
    assert values["dos"].energies[0] < 0 < values["dos"].energies[-1]
    assert len(values["local"]) == 8
    assert values["gas"].heat_capacity > values["gas"].entropy * 0
