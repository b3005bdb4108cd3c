"""`python -m sora_core`, or `python path/to/sora_core`: also isolated (-I), and in a folder of any name."""

import importlib.util
import sys
from pathlib import Path

if not __package__:  # started by its path: Python knows of no package then
    here = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        "sora_core", here / "__init__.py", submodule_search_locations=[str(here)]
    )
    assert spec
    assert spec.loader
    sys.path[:] = [
        entry for entry in sys.path if Path(entry or ".").resolve() != here
    ]  # its modules are no top-level ones
    module = sys.modules["sora_core"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    __package__ = "sora_core"

from .cli import main

sys.exit(main())
