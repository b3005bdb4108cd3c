"""When ComfyUI may serve a node from its cache."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

_unfinished: Counter[str] = Counter()  # by node id
_files: defaultdict[str, set[Path]] = defaultdict(set)  # by node id: what its results refer to


def went_unfinished(node_id: str) -> None:
    """Notes that the node gave a result that is not final: ComfyUI must not serve it from its cache."""
    _unfinished[node_id] += 1


def gave_file(node_id: str, path: Path) -> None:
    """Notes a file that the node's result refers to: without it, the result is worth nothing."""
    _files[node_id].add(path)


def final_results_key(node_id: str) -> str:
    """For fingerprint_inputs: changes whenever the node's last result was not final, or its file is gone.

    With the node's id in it, as ComfyUI also serves a node from what another one with the same inputs gave.
    """
    gone = {path for path in _files[node_id] if not path.is_file()}
    if gone:
        _files[node_id] -= gone
        went_unfinished(node_id)
    return f"{node_id} {_unfinished[node_id]}"
