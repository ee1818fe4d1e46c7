"""The rooms of the house: what a DAG file may know, and that the packages keep their arrows (see also `lint-imports`)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

FOR_ANNOTATIONS = {"Connection", "Engine", "Row"}
ALLOWED_IN_A_DAG_FILE = {"__future__", "dataclasses", "airflow", "green_finance"}


def _imports(tree: ast.Module, *, top_level: bool) -> set[str]:
    nodes = tree.body if top_level else ast.walk(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", sorted(Path("dags").glob("*.py")), ids=lambda path: path.stem)
def test_a_dag_file_is_wiring_only(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert _imports(tree, top_level=True) <= ALLOWED_IN_A_DAG_FILE
    assert _imports(tree, top_level=False) <= ALLOWED_IN_A_DAG_FILE | {"include"}
    assert len(path.read_text(encoding="utf-8").splitlines()) < 130


_TEST_MODULE = re.compile(r"\.(test_|conftest\b)")
_SQL = re.compile(
    r"\s*(select|insert into|update|delete from|with)\b.*\b(from|set|values|as)\b", re.DOTALL | re.IGNORECASE
)


def test_plugins_hold_no_sql(repository: Path) -> None:
    """Statements stand in the room that owns the facts; a page or task calls its `view.py` or `stage.py`."""
    for path in sorted((repository / "plugins").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.relative_to(repository)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("sqlalchemy") for alias in node.names), where
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
                assert node.module == "sqlalchemy.exc" or {alias.name for alias in node.names} <= FOR_ANNOTATIONS, where
            elif isinstance(node, ast.ImportFrom):
                assert node.module != "include.store.tables", where
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not _SQL.match(node.value), where


def test_airflow_executes_no_module_of_the_plugin_folder_but_the_registration(repository: Path) -> None:
    ignored = (repository / "plugins" / ".airflowignore").read_text(encoding="utf-8").split()
    assert ignored == ["*", "!green_finance_plugin.py"]


MOST_PARAMETERS = 6
MORE_PARAMETERS = {
    # The sandbox and the clients are put together once, by name.
    "include/platforms/http.py __init__",
    "include/sandbox/server.py __init__",
    # One value for each column or header of a fixed order.
    "include/delivery/market.py _opened",
    "include/gate/engine/history.py __init__",
    # A pure function of the case, the institution's rules and how far it was counted before.
    "include/domain/clocks.py clocks",
    # The fields of the value that it makes.
    "include/domain/escalation.py obstruction",
    # The fields of a form as one query string.
    "plugins/green_finance/console/reruns.py _as_query",
    # The fields of a filter in the address.
    "plugins/green_finance/console/hold_filter.py asked",
    "plugins/green_finance/console/need_list.py wanted",
    "plugins/green_finance/console/stalled.py wanted",
    "plugins/green_finance/console/tickets.py wanted",
}


def test_functions_take_few_parameters(repository: Path) -> None:
    """What travels together is one value (Act, Day). A route's parameters are the fields of its form or query."""
    many = set()
    for path in sorted(path for room in ("include", "plugins") for path in (repository / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _is_route(node):
                continue
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if sum(one.arg not in ("self", "cls") for one in given) > MOST_PARAMETERS:
                many.add(f"{path.relative_to(repository).as_posix()} {node.name}")
    assert many == MORE_PARAMETERS, sorted(many ^ MORE_PARAMETERS)


def _is_route(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(one).startswith("router.") for one in node.decorator_list)


IN_FORCE = {"policy", "china_calendar", "case_limits", "limit_overrides"}
GIVEN_A_DAY = (
    "circular",
    "delivery",
    "intake",
    "letters",
    "matching",
    "obstructions",
    "quarantine",
    "reconciliation",
    "register",
)


def test_stages_are_given_the_policy_and_fetch_none(repository: Path) -> None:
    """So that a test or a replay can put a stage under another policy."""
    for path in sorted(path for room in GIVEN_A_DAY for path in (repository / "include" / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not (node.args or node.keywords):
                assert node.func.id not in IN_FORCE, f"{path.relative_to(repository)}:{node.lineno}"


def test_files_stay_small_enough_to_read(repository: Path) -> None:
    long = {
        str(path.relative_to(repository)): lines
        for folder in ("dags", "plugins", "include", "expectations")
        for path in (repository / folder).rglob("*.py")
        if "migrations" not in path.parts and (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert set(long) <= {"include/store/tables.py"}, "the tables are one list; everything else is split by what it does"


def test_no_test_imports_another_test_and_no_fixture_travels_by_import(repository: Path) -> None:
    """Builders stand in tests/support, fixtures in the conftest.py of their folder, where pytest finds them."""
    for path in sorted((repository / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.relative_to(repository)}:{getattr(node, 'lineno', 0)}"
            named: list[str] = []
            if isinstance(node, ast.Import):
                named = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                named = [f"{node.module}.{alias.name}" for alias in node.names]
            assert not [name for name in named if name.startswith("tests.") and _TEST_MODULE.search(name)], where
            assert not (isinstance(node, ast.Name) and node.id == "__all__"), where
