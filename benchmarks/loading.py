"""What loading the pack adds to the start of ComfyUI, beyond what is loaded already.

    python benchmarks/loading.py [--rounds 7] [--explain]

`--explain` lists what takes the time, by `python -X importtime`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _report import Report

HERE = Path(__file__).resolve().parent
FOLDER = "sora-video-nodes"
EMPTY = """from comfy_api.latest import ComfyExtension, io
class Nothing(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="{name}", display_name="{name}", category="", inputs=[], outputs=[])
    @classmethod
    def execute(cls):
        return io.NodeOutput()
class Extension(ComfyExtension):
    async def get_node_list(self):
        return [Nothing]
async def comfy_entrypoint():
    return Extension()
"""
EMPTIES = ("empty_first", "empty_second")
MARK = b"\n---- the pack ----\n"
AIM_SECONDS = 0.25
TITLE = "Loading the pack"
HOW = (
    "A fresh process of ComfyUI's own interpreter imports main.py, makes the PromptServer and loads ComfyUI's built-in "
    "nodes as main.py does (`--cpu --disable-api-nodes`), then loads an empty pack of one node, which takes along what "
    "ComfyUI itself loads with the first pack, another such, and this pack, each with ComfyUI's own "
    "`nodes.load_custom_node`. Seconds are those of that call. The first load after installing compiles the byte code."
)


def child(base: Path, explain: bool) -> None:
    """Runs in ComfyUI's interpreter, with its checkout as the current folder."""
    sys.path[0] = str(Path.cwd())
    sys.argv = ["main.py", "--cpu", "--base-directory", str(base), "--disable-api-nodes"]
    import main  # noqa: F401 - what it imports and sets up is the point
    import server

    import nodes

    async def load() -> dict[str, Any]:
        server.PromptServer(asyncio.get_running_loop())
        await nodes.init_extra_nodes(init_custom_nodes=False, init_api_nodes=False)
        took = {}
        for name in (*EMPTIES, FOLDER):
            known = set(sys.modules)
            if explain and name == FOLDER:
                os.write(2, MARK)
            began = time.perf_counter()
            loaded = await nodes.load_custom_node(str(base / "custom_nodes" / name))
            took[name] = time.perf_counter() - began
            if not loaded:
                sys.exit(f"ComfyUI could not load {name}")
        if explain:
            os.write(2, MARK)
        own = str(base).replace(".", "_x_")  # as ComfyUI names the modules of a pack
        others = {each.split(".")[0] for each in set(sys.modules) - known if not each.startswith(own)}
        return {"seconds": took, "others": sorted(others), "packages": sorted(others - sys.stdlib_module_names)}

    result = asyncio.new_event_loop().run_until_complete(load())
    print("\n" + json.dumps(result), flush=True)
    os._exit(0)  # threads that main.py starts need not be waited for


def measure(rounds: int) -> Report:
    from _common import run_child, say
    from _report import NO_COMFYUI, Aim, Figure, Report
    from _stage import newest_comfyui, python_of

    checkout = newest_comfyui()
    if checkout is None:
        return Report(TITLE, HOW, skipped=NO_COMFYUI)
    first: list[float] = []
    runs: list[dict[str, Any]] = []
    for turn in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            base = install(Path(folder), checkout)
            arguments = (python_of(checkout), str(HERE / "loading.py"), "--child", str(base))
            first.append(run_child(*arguments, cwd=checkout)["seconds"][FOLDER])
            runs.append(run_child(*arguments, cwd=checkout))
        say(f"loading, round {turn + 1}/{rounds}: {first[-1]:.3f} s, then {runs[-1]['seconds'][FOLDER]:.3f} s")
    later = {name: Figure(tuple(run["seconds"][name] for run in runs)) for name in (FOLDER, *EMPTIES)}
    compiled = Figure(tuple(first))
    labels = {
        FOLDER: "this pack",
        EMPTIES[1]: "an empty pack",
        EMPTIES[0]: "an empty pack that is the first to be loaded",
    }
    rows = [(labels[name], later[name].text(digits=3), later[name].range(digits=3)) for name in labels]
    rows.insert(1, ("this pack, first load after installing", compiled.text(digits=3), compiled.range(digits=3)))
    aim = Aim(
        "Loading the pack in ComfyUI", f"at most {AIM_SECONDS} s", later[FOLDER].text(" s", digits=3),
        later[FOLDER].range(digits=3), later[FOLDER].median <= AIM_SECONDS,
    )  # fmt: skip
    packages = ", ".join(runs[-1]["packages"]) or "none"
    note = (
        f"Modules that only this pack loads, beyond its own: {len(runs[-1]['others'])} (top level), "
        f"of them not Python's own: {packages}."
    )
    return Report(TITLE, HOW, ("", "seconds (median)", "range"), tuple(rows), (aim,), (note,))


def install(base: Path, checkout: Path) -> Path:
    from _stage import install_pack, install_requirements, python_of

    install_requirements(python_of(checkout))
    install_pack(base, FOLDER)
    for name in EMPTIES:
        empty = base / "custom_nodes" / name
        empty.mkdir()
        (empty / "__init__.py").write_text(EMPTY.format(name=name), encoding="utf-8")
        project = f'[project]\nname = "{name}"\nversion = "1.0.0"\n'
        (empty / "pyproject.toml").write_text(project, encoding="utf-8")
    return base


def explain() -> str:
    """The slowest imports of the pack, itself and what it pulls in."""
    from _common import run_raw
    from _report import NO_COMFYUI, markdown
    from _stage import newest_comfyui, python_of

    checkout = newest_comfyui()
    if checkout is None:
        sys.exit(NO_COMFYUI)
    with tempfile.TemporaryDirectory() as folder:
        base = install(Path(folder), checkout)
        arguments = (python_of(checkout), "-X", "importtime", str(HERE / "loading.py"), "--child", str(base))
        run_raw(*arguments, "--explain", cwd=checkout)  # compiles
        text = run_raw(*arguments, "--explain", cwd=checkout).stderr
    found = []
    for line in text.split(MARK.decode())[1].splitlines():
        fields = line.removeprefix("import time:").split("|")
        if len(fields) == 3 and fields[0].strip().isdigit():
            name = fields[2].strip().replace(str(base / "custom_nodes" / FOLDER).replace(".", "_x_"), "")
            found.append((int(fields[0]), int(fields[1]), name))
    found.sort(reverse=True)
    total = sum(own for own, *_ in found)
    rows = [(f"`{name}`", f"{own / 1000:.1f}", f"{whole / 1000:.1f}") for own, whole, name in found[:25]]
    head = ("module (those of the pack begin with a dot)", "itself, ms", "with what it imports, ms")
    return f"{len(found)} imports, {total / 1000:.1f} ms in all\n\n" + markdown(head, rows)


def main() -> None:
    if "--child" in sys.argv:  # in ComfyUI's interpreter: nothing else may be imported
        arguments = argparse.ArgumentParser()
        arguments.add_argument("--child", type=Path)
        arguments.add_argument("--explain", action="store_true")
        given = arguments.parse_args()
        child(given.child, given.explain)
        return
    from _report import parser, run, show

    arguments = parser(__doc__, 7)
    arguments.add_argument("--explain", action="store_true", help="what takes the time, instead")
    given = arguments.parse_args()
    if given.explain:
        print(explain())
        return
    show(run(measure, given.rounds))


if __name__ == "__main__":
    main()
