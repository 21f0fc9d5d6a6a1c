"""What runs the checks: Makefile, hooks of git, and continuous integration name the same."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import auheat

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z0-9-]+):(?!=)", MAKEFILE, re.MULTILINE))
WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def targets_in(text: str) -> set[str]:
    """The targets that a script makes."""
    calls = re.findall(r"^\s*(?:make|- run: make) ([a-z0-9 -]+)$", text, re.MULTILINE)
    return {target for call in calls for target in call.split()}


def recipe(target: str) -> list[str]:
    """The commands of a target, without the folder of the environment."""
    block = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert block is not None
    return [line.strip().removeprefix("$(BIN)/") for line in block[1].splitlines()]


def test_hooks_run_what_lint_and_types_run() -> None:
    (repository,) = loaded(ROOT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"  # nothing is fetched
    hooks = {hook["id"]: hook for hook in repository["hooks"]}
    made = [*recipe("lint"), *recipe("types")]
    for name, hook in hooks.items():
        if hook["language"] == "pygrep":
            assert re.search(hook["entry"], "<<<<<<< ours") and not re.search(hook["entry"], "===")
            continue
        program, *arguments = hook["entry"].split()
        folder, _, program = program.rpartition("/")
        assert folder == ".venv/bin", name
        assert (Path(sys.executable).parent / program).exists(), program
        same = [line for line in made if line.split()[0] == program]
        assert same, f"{program} is in neither lint nor types"
        plain = {word for word in arguments if word not in ("--fix", "--force-exclude")}
        assert any(plain <= set(line.split()) for line in same), hook["entry"]
    programs = {hook["entry"].split()[0].rpartition("/")[2] for hook in hooks.values()}
    assert {line.split()[0] for line in made} <= programs


@pytest.mark.parametrize("place", [".ci/run", ".github/workflows/tests.yml"])
def test_integration_makes_targets_that_exist(place: str) -> None:
    text = (ROOT / place).read_text("utf-8")
    assert {"lint", "types", "coverage", "test-avx2", "test-slow"} <= targets_in(text) <= TARGETS


def test_the_workflow_of_the_forge() -> None:
    workflow = loaded(WORKFLOW)
    assert set(workflow[True]) == {"push", "pull_request"}  # `on` is a boolean to YAML
    assert workflow["permissions"] == {"contents": "read"}
    core = workflow["jobs"]["core"]
    pythons = core["strategy"]["matrix"]["python"]
    oldest = re.search(r'requires-python = ">=(3\.\d+)"', (ROOT / "pyproject.toml").read_text())
    assert oldest is not None and oldest[1] == min(pythons, key=lambda v: int(v.split(".")[1]))
    steps = {step.get("name", ""): step for step in core["steps"]}
    tests = steps["the tests that need no extra"]
    alone = " ".join(recipe("test-core"))
    for package in re.findall(r'"([^"]+)"', tests["run"].splitlines()[0]):
        assert f'"{package}"' in alone
    assert tests["env"] == {"AUHEAT_CORE_ALONE": "1", "PYTHONPATH": "src"}
    assert (
        '-m "not slow and not assets"' in tests["run"] and '-m "not slow and not assets"' in alone
    )
    (clip,) = re.findall(r"examples/\S+", steps["it reads a clip"]["run"])
    assert (ROOT / clip).is_file()


def test_every_module_of_the_public_face_is_checked_by_pydoclint() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pydoclint"]
    places: dict[str, str] = vars(auheat)["_PLACES"]
    left_out = re.compile(settings["exclude"])
    for place in places.values():
        assert not left_out.search(f"src/{place.replace('.', '/')}.py"), place
    assert left_out.search("src/auheat/synthesis/results.py")
    assert settings["style"] == "google" and "pydoclint --quiet src" in recipe("lint")
