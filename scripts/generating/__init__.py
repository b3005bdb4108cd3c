"""Everything in the tree that repeats what other files say is written from them: `scripts/generate`."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
