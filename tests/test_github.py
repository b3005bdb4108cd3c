"""What runs on GitHub cannot run here; it is checked for its form, and against what the pack promises."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
GITHUB = ROOT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
FORMS = sorted(path for path in GITHUB.glob("ISSUE_TEMPLATE/*.yml") if path.stem != "config")


def of(name: str) -> dict[str, Any]:
    return yaml.safe_load((GITHUB / name).read_text("utf-8"))


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-issue-forms", FORMS),
        ("github-issue-config", [GITHUB / "ISSUE_TEMPLATE" / "config.yml"]),
    ],
)
def test_files_are_what_github_reads(schema, paths):
    assert paths
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("actionlint"), reason="actionlint is not installed")
def test_workflows_pass_actionlint():
    done = subprocess.run(["actionlint", *map(str, WORKFLOWS)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
class TestWorkflow:
    def test_runs_only_files_that_exist(self, path):
        run = "\n".join(step.get("run", "") for step in steps(of(f"workflows/{path.name}")))
        named = re.findall(r"(?<![\w/.])(?:scripts|tests)/[\w./]*\w|(?<![\w/.])requirements[\w-]*\.txt", run)
        assert [name for name in named if not (ROOT / name).exists()] == []

    def test_may_do_no_more_than_it_has_to_and_ends(self, path):
        workflow = of(f"workflows/{path.name}")
        assert workflow["permissions"] == {"contents": "read"}
        assert all(job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())

    def test_uses_actions_of_a_named_version(self, path):
        used = [step["uses"] for step in steps(of(f"workflows/{path.name}")) if "uses" in step]
        assert [name for name in used if not re.fullmatch(r"[\w./-]+@v\d+", name)] == []

    def test_puts_nothing_from_outside_into_a_script(self, path):
        run = "\n".join(step.get("run", "") for step in steps(of(f"workflows/{path.name}")))
        assert "${{" not in run


def test_every_promised_system_and_python_is_tested():
    matrix = of("workflows/test.yml")["jobs"]["client"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["os"]} == {"ubuntu", "windows", "macos"}
    assert matrix["python"] == ["3.10", "3.11", "3.12", "3.13", "3.14"]
    oldest = re.search(r'requires-python = ">=(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert oldest
    assert matrix["python"][0] == oldest[1]


def test_the_oldest_promised_comfyui_is_tested_and_the_newest():
    oldest = re.search(r'requires-comfyui = ">=(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert oldest
    assert of("workflows/test.yml")["jobs"]["comfyui"]["strategy"]["matrix"]["comfyui"] == [f"v{oldest[1]}", "master"]


def test_forms_for_problems_ask_for_what_the_doctor_says():
    for name in ("problem", "server"):
        asked = {each["id"]: each for each in of(f"ISSUE_TEMPLATE/{name}.yml")["body"] if "id" in each}
        assert "doctor PROFILE --json" in asked["doctor"]["attributes"]["label"]
        assert asked["doctor"]["validations"]["required"] is True
