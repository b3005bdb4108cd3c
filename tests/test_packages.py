"""A provider in a package of its own: found by its entry point, held to the suite, and never in the way of others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "docs" / "example-provider"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with the example as pip would leave it there."""
    site = tmp_path / "site"
    shutil.copytree(EXAMPLE / "sora_acme", site / "sora_acme")
    made = site / "sora_acme-1.0.0.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: sora-acme\nVersion: 1.0.0\n", "utf-8")
    declared = (EXAMPLE / "pyproject.toml").read_text("utf-8").partition("[project.entry-points.")[2]
    point = next(line for line in declared.splitlines() if line.startswith("acme = ")).replace('"', "")
    (made / "entry_points.txt").write_text(f"[sora_video.providers]\n{point}\n", "utf-8")
    return site


def run(site: Path, *command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("SORA_")}
    env |= {"PYTHONPATH": str(site), "SORA_HOME": str(site / "home"), "PYTHONIOENCODING": "utf-8", "SORA_LANG": "en"}
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, env=env, capture_output=True, encoding="utf-8", timeout=300, check=False
    )


def test_the_example_passes_the_conformance_suite_from_outside(installed):
    done = run(installed, "-m", "sora_core", "conformance", "sora_acme")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout


def test_a_provider_that_does_not_send_what_it_says_does_not_pass(installed):
    module = installed / "sora_acme" / "__init__.py"
    module.write_text(module.read_text("utf-8").replace('"seed": request.seed', '"seed": 0'), "utf-8")
    done = run(installed, "-m", "sora_core", "conformance", "sora_acme", "-k", "seed")
    assert done.returncode == 1
    assert "test_a_seed_arrives" in done.stdout


def test_its_profile_is_one_like_any_other(installed):
    add = ("profiles", "add", "mine", "--provider", "acme", "--base-url", "https://acme.example/api", "--auth", "none")
    assert run(installed, "-m", "sora_core", *add).returncode == 0
    assert '"acme"' in run(installed, "-m", "sora_core", "profiles", "list", "--json").stdout


def test_a_package_without_recipes_is_told_what_is_missing(installed):
    (installed / "sora_acme" / "conformance.py").unlink()
    done = run(installed, "-m", "sora_core", "conformance", "sora_acme")
    assert done.returncode == 2
    assert "sora_acme.conformance" in done.stderr


OTHER = "from sora_core.providers import Provider\nclass Acme(Provider):"
IN_COMFYUI = """
import importlib.util, logging, sys
logging.basicConfig(level="WARNING", format="%(message)s")
spec = importlib.util.spec_from_file_location("some/where.pack.sora_core", sys.argv[1] + "/sora_core/__init__.py",
    submodule_search_locations=[sys.argv[1] + "/sora_core"])
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)
import types
for parent in ("some/where", "some/where.pack"):
    sys.modules.setdefault(parent, types.ModuleType(parent))
providers = importlib.import_module(spec.name + ".providers")
print(sorted(providers.PROVIDERS))
acme = providers.PROVIDERS.get("acme")
print(acme and issubclass(acme, providers.Provider), providers.__spec__.name)
"""


def test_within_comfyui_it_is_a_provider_of_the_pack_that_runs(installed, tmp_path):
    done = run(installed, "-c", IN_COMFYUI, str(ROOT), cwd=tmp_path)
    assert "'acme'" in done.stdout, done.stdout + done.stderr
    assert done.stdout.splitlines()[1] == "True some/where.pack.sora_core.providers"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("raise RuntimeError('broken')", "RuntimeError: broken"),
        ("Acme = 7", "it is no Provider"),
        (
            "from sora_core.providers import Provider\nclass Acme(Provider): name = 'other'",
            "its class is named 'other'",
        ),
    ],
)
def test_one_that_cannot_be_used_is_left_out_and_the_log_says_why(installed, tmp_path, source, why):
    (installed / "sora_acme" / "__init__.py").write_text(source, "utf-8")
    done = run(installed, "-c", IN_COMFYUI, str(ROOT), cwd=tmp_path)
    assert "'acme'" not in done.stdout
    assert "'openai'" in done.stdout
    assert why in done.stderr


def test_one_that_takes_the_name_of_ours_is_left_out(installed, tmp_path):
    (installed / "sora_acme-1.0.0.dist-info" / "entry_points.txt").write_text(
        "[sora_video.providers]\nopenai = sora_acme:OpenAI\n", "utf-8"
    )
    source = "from sora_core.providers import Provider\nclass OpenAI(Provider): name = 'openai'"
    (installed / "sora_acme" / "__init__.py").write_text(source, "utf-8")
    assert "there is one of this name" in run(installed, "-c", IN_COMFYUI, str(ROOT), cwd=tmp_path).stderr
