"""docs/conformance.md and the tests: every demand of the list has a row, and every row a test that
exists, or the reason why there is none; how many demands are open is said at its beginning."""

import ast
import functools
import re

import pytest

from cais_testing import REPOSITORY

DOCUMENT = (REPOSITORY / "docs/conformance.md").read_text()
ABSENT = "not here:"
OPEN = "open:"


def table_rows():
    """The rows of all tables: what they are about, and the cell that says by what it is shown."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in DOCUMENT.splitlines() if line.startswith("| ")]
    return [(row[0], row[-1]) for row in rows if row[0] not in ("id", "property", "---")]


def listed(heading):
    """The words of the fenced block after a heading."""
    return re.search(re.escape(heading) + r".*?```\n(.*?)```", DOCUMENT, re.S).group(1).split()


DEMANDS = listed("## The list")
PROPERTIES = listed("All properties:")
ROWS = table_rows()


@functools.cache
def names_in(file):
    """The tests of a file by their names: of Python as pytest has them, of Swift by their functions."""
    places = [place for place in REPOSITORY.glob(f"Tests/**/{file}") if place.is_file()]
    assert places, f"{file} is no file of the tests"
    assert len(places) == 1, f"{file} is more than one file: {places}"
    text = places[0].read_text()
    if file.endswith(".swift"):
        # What follows an attribute of a test up to the next one begins with its function.
        return {re.search(r"\bfunc (\w+)", part).group(1) for part in text.split("@Test")[1:]}
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            found |= {f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return {name for name in found if name.split("::")[-1].startswith("test_")}


def test_every_demand_has_one_row():
    about = [subject for subject, _ in ROWS]
    assert len(DEMANDS) > 200 and len(set(DEMANDS)) == len(DEMANDS)
    assert [demand for demand in DEMANDS if about.count(demand) != 1] == []


def test_every_property_has_one_row():
    about = [subject for subject, _ in ROWS]
    assert len(PROPERTIES) > 200 and len(set(PROPERTIES)) == len(PROPERTIES)
    assert [name for name in PROPERTIES if about.count(name) != 1] == []


def test_every_row_is_of_the_lists():
    assert [subject for subject, _ in ROWS if subject not in DEMANDS and subject not in PROPERTIES] == []


@pytest.mark.parametrize("part", ["demand", "property"])
def test_every_row_names_a_test_that_exists_or_why_there_is_none(part):
    known = DEMANDS if part == "demand" else PROPERTIES
    wrong = []
    for subject, cell in ROWS:
        if subject not in known:
            continue
        tests = re.findall(r"`([^`]+\.(?:py|swift)::[^`]+)`", cell)
        reason = cell.partition(ABSENT)[2].strip()
        if not tests and len(reason) < 10 and not cell.startswith(OPEN):
            wrong.append(f"{subject}: neither a test nor a reason")
        for test in tests:
            file, _, name = test.partition("::")
            if name not in names_in(file):
                wrong.append(f"{subject}: there is no {test}")
    assert wrong == []


def test_the_number_of_open_demands_is_said():
    said = int(re.search(r"^Open demands: (\d+)", DOCUMENT, re.M).group(1))
    assert said == len([subject for subject, cell in ROWS if subject in DEMANDS and cell.startswith(OPEN)])


def test_a_test_that_is_gone_would_be_noticed():
    assert "test_no_such_thing" not in names_in("test_must_hooks.py")
    assert "test_hooks_of_one_kind_run_in_their_order" in names_in("test_must_hooks.py")
    assert "unified" in names_in("CgroupsTests/PlanTests.swift") and "lines" not in names_in("CgroupsTests/PlanTests.swift")
