"""What the tree repeats, it repeats right: `scripts/generate` finds nothing to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


RUN_IT = """Run scripts/generate and commit what it writes (with --adopt when one of these files was edited by hand):"""


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As scripts/generate does: in a process of its own, because it puts a stand-in in ComfyUI's place."""
    command = [sys.executable, "-m", "generating", *arguments]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=120, cwd=ROOT / "scripts", check=False
    )


def test_everything_generated_is_up_to_date():
    done = generate("--check")
    assert done.returncode == 0, f"{RUN_IT}\n{done.stdout}{done.stderr}"


READ = """
import json, sys
from generating import help_pages, nodes, parts, texts
{code}
"""


def told(code: str) -> object:
    """What the code prints as JSON, run beside the generator."""
    done = subprocess.run(
        [sys.executable, "-c", READ.replace("{code}", code)],
        capture_output=True, encoding="utf-8", timeout=120, cwd=ROOT / "scripts", check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_a_translation_is_looked_up_by_node_then_by_id_and_one_that_nobody_needs_is_dropped():
    code = (
        "known = dict(inputs={'a': 'A', 'N.a': 'B', 'old': 'O'}); chinese = texts.Chinese(known);"
        "found = [chinese.of('inputs', 'a', 'M'), chinese.of('inputs', 'a', 'N'), chinese.of('inputs', 'b', 'N')];"
        "print(json.dumps([found, chinese.missing, chinese.needed()]))"
    )
    missing = ["locales/zh/nodes.json: inputs: b"]
    assert told(code) == [["A", "B", "b"], missing, {"inputs": {"a": "A", "N.a": "B"}}]


@pytest.mark.parametrize(
    ("change", "told_as"),
    [
        ("old['order']['optional'].append('gone')", "its optional inputs were"),
        ("old['order']['optional'].reverse()", "its optional inputs were"),
        ("old['outputs'].pop(0)", "its outputs were"),
        ("old['inputs']['optional']['orientation'][1]['options'].append('round')", "orientation was"),
        ("old['inputs']['optional']['seconds'][1]['default'] = 5", "seconds was"),
        ("old['order']['required'].pop()", "a new input must be optional"),
    ],
)
def test_a_breach_of_the_contract_is_told(change, told_as):
    code = (
        "new = nodes.contract_of(nodes.schemas()['SoraVideo_Text2Video']); old = json.loads(json.dumps(new));"
        f"{change}; print(json.dumps(list(nodes._broken('SoraVideo_Text2Video', old, new))))"
    )
    assert any(told_as in line for line in told(code))


def test_new_inputs_outputs_and_choices_at_the_end_break_nothing():
    code = (
        "new = nodes.contract_of(nodes.schemas()['SoraVideo_Text2Video']); old = json.loads(json.dumps(new));"
        "old['order']['optional'].pop(); old['outputs'].pop();"
        "old['inputs']['optional']['orientation'][1]['options'].pop();"
        "print(json.dumps(list(nodes._broken('SoraVideo_Text2Video', old, new))))"
    )
    assert told(code) == []


def test_a_list_in_a_help_page_is_written_and_what_stands_around_it_stays():
    page = "# T\\n\\n## Inputs\\n\\n- `old`: gone\\n- `b`: x\\n\\nBy hand.\\n\\n## Outputs\\n\\n- `video`: v\\n"
    code = f"print(json.dumps(help_pages.filled('{page}', 'Inputs', ['- `a`: one', '- `b`: two'])))"
    assert told(code) == ("# T\n\n## Inputs\n\n- `a`: one\n- `b`: two\n\nBy hand.\n\n## Outputs\n\n- `video`: v\n")


def test_the_first_list_of_a_new_help_page_ends_before_the_next_heading():
    code = "print(json.dumps(help_pages.filled('## Inputs\\n\\n## Outputs\\n', 'Inputs', ['- `a`: one'])))"
    assert told(code) == "## Inputs\n\n- `a`: one\n\n## Outputs\n"


def test_a_part_of_a_page_is_filled_in_its_line_or_on_lines_of_its_own():
    code = (
        "page = 'a <!-- n -->old<!-- end n --> b' + chr(10) + '<!-- m -->' + chr(10) + '<!-- end m -->';"
        "print(json.dumps(parts.filled(page, {'n': lambda: 'new', 'm': lambda: 'lines'})))"
    )
    assert told(code) == "a <!-- n -->new<!-- end n --> b\n<!-- m -->\nlines\n<!-- end m -->"
