"""Every test can fail: it asserts something, of an error also what it says, and no assertion's own failure is passed over."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parent
FILES = sorted(path.relative_to(TESTS).as_posix() for path in TESTS.rglob("*.py"))


def parsed(source: str) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def is_asserting(function: ast.AST, helpers: set[str]) -> bool:
    """Whether it holds an assertion, expects an error, or calls what does."""
    calls = (name_of(node) for node in ast.walk(function) if isinstance(node, ast.Call))
    return any(isinstance(node, ast.Assert) for node in ast.walk(function)) or any(
        name in helpers or name == "raises" or name.startswith("assert_") for name in calls
    )


def helpers_of(functions: list[ast.FunctionDef]) -> set[str]:
    """The functions that assert, by themselves or by others."""
    others = [one for one in functions if not one.name.startswith("test_")]
    found = set[str]()
    while more := {one.name for one in others if one.name not in found and is_asserting(one, found)}:
        found |= more
    return found


def unfailing(functions: list[ast.FunctionDef], helpers: set[str]) -> Iterator[str]:
    """The tests that assert nothing."""
    for function in functions:
        if function.name.startswith("test_") and not is_asserting(function, helpers):
            yield f"{function.name} asserts nothing"


def unreported(functions: list[ast.FunctionDef]) -> Iterator[str]:
    """The errors of which a test does not look at what they say."""
    for function in functions:
        expecting = [item for node in ast.walk(function) if isinstance(node, ast.With) for item in node.items]
        looked_at = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        for item in expecting:
            call = item.context_expr
            if isinstance(call, ast.Call) and name_of(call) == "raises" and not {"match", "check"} & {word.arg for word in call.keywords}:
                caught = item.optional_vars
                if not (isinstance(caught, ast.Name) and caught.id in looked_at):
                    yield f"{function.name}, line {call.lineno}: raises without match"


def passed_over(functions: list[ast.FunctionDef]) -> Iterator[str]:
    """The assertions within ``suppress``: ValueError and the like also come from what is asserted."""
    for function in functions:
        for node in ast.walk(function):
            if isinstance(node, ast.With) and any("suppress" in ast.unparse(item.context_expr) for item in node.items):
                asserting = [inner.lineno for inner in ast.walk(node) if isinstance(inner, ast.Assert)]
                yield from (f"{function.name}, line {line}: within suppress" for line in asserting)


@pytest.fixture(scope="module")
def helpers() -> set[str]:
    return helpers_of([function for name in FILES for function in parsed((TESTS / name).read_text(encoding="utf-8"))])


@pytest.mark.parametrize("name", FILES)
def test_every_test_asserts_and_looks_at_what_errors_say(name: str, helpers: set[str]) -> None:
    functions = parsed((TESTS / name).read_text(encoding="utf-8"))
    assert [*unfailing(functions, helpers), *unreported(functions), *passed_over(functions)] == []


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def test_a():\n    compute()", "test_a asserts nothing"),
        ("def test_a():\n    with pytest.raises(ValueError):\n        compute()", "test_a, line 2: raises without match"),
        ("def test_a():\n    with pytest.raises(ValueError) as caught:\n        compute()", "test_a, line 2: raises without match"),
        ("def test_a():\n    with suppress(ValueError):\n        assert compute() == 3", "test_a, line 3: within suppress"),
    ],
)
def test_a_test_that_cannot_fail_is_found(source: str, says: str) -> None:
    functions = parsed(source)
    assert [*unfailing(functions, set()), *unreported(functions), *passed_over(functions)] == [says]


def test_a_test_may_leave_its_assertion_to_a_function_that_leaves_it_to_another() -> None:
    functions = parsed("def one():\n    assert x\ndef two():\n    one()\ndef test_a():\n    two()")
    assert list(unfailing(functions, helpers_of(functions))) == []
