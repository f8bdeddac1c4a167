"""A whole run of the tests is kept; a run of some of them, or one that ended early, does not pass for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proofs.audit import found
from proofs.audit.document import TESTS_FORMAT
from proofs.prover.sources import hash_with_tests

TESTS = Path(__file__).resolve().parent.parent
CONFTEST = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        from recorder import register
        register(config)
"""
FILES = {
    "test_one.py": """
import pytest
def test_passes(): pass
@pytest.mark.parametrize("x", [1, 2])
def test_skips(x): pytest.skip("no GPU")
@pytest.mark.xfail(reason="not yet")
def test_waits(): assert False
@pytest.fixture
def broken():
    yield
    raise RuntimeError
def test_falls_at_the_end(broken): pass
""",
    "test_two.py": "def test_fails(): assert False\ndef test_passes(): pass\n",
    "test_three.py": "import no_such_module_at_all\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\ntestpaths = ["tests"]\n')
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text(CONFTEST)
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / "tests" / name).write_text(FILES[name])
    return tmp_path


RUNS = """
import json, sys
from pathlib import Path
import pytest
for number, arguments in enumerate(json.loads(sys.argv[1])):
    Path("build/tests.json").unlink(missing_ok=True)
    pytest.main(["-q", "-p", "no:cacheprovider", *arguments])
    if Path("build/tests.json").exists():
        Path("build/tests.json").rename(f"{number}.json")
"""
SOME = (
    ["-k", "passes"],
    ["tests/test_two.py"],
    ["-x"],
    ["--deselect", "tests/test_one.py::test_passes"],
    ["--collect-only"],
)


def left(project: Path, *runs: list[str]) -> list[Any]:
    """What each run leaves, ``None`` for nothing; all are made by one process, one after the other."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), os.environ.get("PYTHONPATH", "")])}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-c", RUNS, json.dumps(runs)]
    subprocess.run(command, cwd=project, env=environment, capture_output=True, check=True, timeout=300)
    files = [project / f"{number}.json" for number in range(len(runs))]
    return [json.loads(file.read_text(encoding="utf-8")) if file.exists() else None for file in files]


def test_whole_runs_are_kept_and_runs_of_some_tests_are_not(project: Path) -> None:
    whole, parallel, *some = left(project, [], ["-p", "xdist", "-n", "1"], *SOME)
    assert some == [None] * len(SOME)
    for content in (whole, parallel):
        assert (content["passed"], content["failed"], content["skipped"]) == (2, 2, 3)
        assert content["format"] == TESTS_FORMAT and content["source"] == hash_with_tests()
        assert content["failures"] == ["tests/test_one.py::test_falls_at_the_end", "tests/test_two.py::test_fails"]
        assert content["reasons"] == [
            {"reason": "expected to fail: not yet", "tests": 1},
            {"reason": "no GPU", "tests": 2},
        ]
        files = [(each["file"], each["passed"], each["failed"], each["skipped"]) for each in content["files"]]
        assert files == [("tests/test_one.py", 1, 1, 3), ("tests/test_two.py", 1, 1, 0)]
    (project / "build" / "tests.json").write_text(json.dumps(whole))
    assert found.tests_in(project / "build").status == "failed"


def test_a_file_that_cannot_be_read_ends_the_run_and_nothing_is_kept(project: Path) -> None:
    (project / "tests" / "test_three.py").write_text(FILES["test_three.py"])
    assert left(project, []) == [None]
