"""Advice in messages: options that it names exist, and Python's names are said to be Python's."""

import argparse
import ast
import importlib
import re

import pytest
from architecture import PACKAGE, modules

from ase_dos.cli.main import NAMES

# Messages about values that only a Python program makes.
PYTHON_ONLY = (
    "adapters.ase",
    "dynamics",
    "electrons.smearing",
    "io.frames.universe",
    "spectra.calculator_states",
    "spectra.ensemble",
    "spectra.states",
    "trajectory.observer",
)
ADVICE = re.compile(
    r"\b(?:choose|give|lower|pass|raise|run|set|try|use|with)\b[^.;:()]*?\b([a-z]+(?:_[a-z]+)+\b|[a-z_]+=)",
    re.IGNORECASE,
)
TOLD = re.compile(r"--[a-z]|\bin Python\b")


def text_of(node):
    """Text of a string of any form, with braces for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "{}" for part in node.values)
    return ""


def messages(path):
    """Texts of errors and warnings of a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = (getattr(getattr(node, "func", None), key, "") for key in ("id", "attr"))
        if isinstance(node, ast.Raise) or (
            isinstance(node, ast.Call) and {"warn", "StructureError"} & set(names)
        ):
            inner = [one for part in ast.walk(node) for one in ast.iter_child_nodes(part)]
            parts = {id(p) for one in inner if isinstance(one, ast.JoinedStr) for p in one.values}
            yield from filter(None, (text_of(one) for one in inner if id(one) not in parts))


def options(command):
    parser = argparse.ArgumentParser()
    importlib.import_module(f"ase_dos.cli.{command.replace('-', '_')}").CLICommand.add_arguments(
        parser
    )
    return options_of(parser)


def options_of(parser):
    """Options of a parser, and of those of its actions."""
    found = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found = found.union(*map(options_of, action.choices.values()))
    return found


def parameters(path):
    """Names of all parameters of functions, and of fields of classes, in a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def python_advice(message):
    """Parameters of ours that a message tells the user to give."""
    return {name.rstrip("=") for name in ADVICE.findall(message)} & PARAMETERS


PARAMETERS = {name for path in modules(PACKAGE).values() for name in parameters(path)}
OPTIONS = {command: options(command) for command in NAMES}


@pytest.mark.parametrize("module", sorted(modules(PACKAGE)))
def test_options_in_messages_exist(module):
    room, _, name = module.partition(".")
    known = OPTIONS.get(name.split(".")[0]) if room == "cli" else None
    known = set().union(*OPTIONS.values()) if known is None else known
    for message in messages(modules(PACKAGE)[module]):
        assert set(re.findall(r"(?<![\w-])--[a-z][\w-]*", message)) <= known, message


@pytest.mark.parametrize("module", sorted(set(modules(PACKAGE))))
def test_advice_that_only_python_can_follow_says_so(module):
    """A user of the command line has no ``n_electrons`` to pass."""
    if module.startswith(PYTHON_ONLY):
        return
    for message in messages(modules(PACKAGE)[module]):
        assert not python_advice(message) or TOLD.search(message), message


def test_the_rule_finds_what_it_is_made_for():
    bad = "the file does not say how many electrons there are; pass n_electrons"
    assert python_advice(bad) == {"n_electrons"}
    assert not TOLD.search(bad)
    assert python_advice("compute more bands and raise valid_to") == {"valid_to"}
    assert python_advice("analyse with local=True") == {"local"}
    assert not python_advice("set verbosity='high' in &CONTROL")
    assert not python_advice("positions: NaN; remove the frame")
