"""Pages that repeat what the sources say, say the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_generated_parts_are_up_to_date():
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "generate"), "--check"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"run scripts/generate:\n{done.stdout}{done.stderr}"
