from typing import Any

nodes: Any
