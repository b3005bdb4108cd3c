"""What an example workflow is: columns of nodes with their inputs.

A graph is columns of nodes from left to right. A node's inputs are values, or outputs of other nodes: `clip["job_id"]`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WIDTH = 420  # of a node, in the units of the canvas


@dataclass(frozen=True, eq=False)
class Node:
    """`id` is its number in both formats; inputs that are left out have the page's defaults."""

    id: int
    type: str
    inputs: dict[str, Any] = field(default_factory=dict)
    width: int = WIDTH
    room: int = 60  # height beyond the least, which its texts get

    def __getitem__(self, output: str) -> Output:
        return Output(self, output)


@dataclass(frozen=True)
class Output:
    node: Node
    name: str


@dataclass(frozen=True)
class Example:
    """`title` is what a person would look for, `api` the name of the twin.

    `app` are the inputs that the page's app mode asks for, the few that matter. Each of `pictured` is a picture of
    these nodes, for the help page of the first one.
    """

    title: str
    api: str
    note: str
    columns: list[list[Node]]
    app: list[tuple[Node, str]]
    pictured: list[list[Node]] = field(default_factory=list)
    note_on_top: bool = False  # of the first column, in place of a column of its own

    @property
    def nodes(self) -> list[Node]:
        return sorted((node for column in self.columns for node in column), key=lambda node: node.id)

    @property
    def file_name(self) -> str:
        return f"Sora - {self.title}"


def sora(number: int, kind: str, /, *, width: int = WIDTH, room: int = 60, **inputs: Any) -> Node:
    return Node(number, f"SoraVideo_{kind}", inputs, width, room)
