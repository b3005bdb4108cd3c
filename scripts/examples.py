"""Makes the example workflows, their pictures, their API twins and the help pages' pictures, in a real page.

Arguments are names as in api_examples, without `.json`, or `page` for the pictures of jobs, profiles and timeline,
or `moving` for the moving picture of README; none: all of them.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
from comfyui_page import Tab, running_browser
from comfyui_process import ROOT, checkouts, running, version_of
from example_graphs import EXAMPLES, Example, Node, Output
from moving_picture import record
from page_pictures import make_page_pictures
from PIL import Image

PACK = "sora-video-nodes"
PAGE = "page"  # the pictures of what is no example
MOVING = "moving"  # the moving picture of README
WORKFLOWS, TWINS, HELP = ROOT / "example_workflows", ROOT / "api_examples", ROOT / "web" / "docs"
ABOUT, NOTE_WIDTH = "About this graph", 420
GAP, TITLE_HEIGHT = 70, 40  # between nodes, in the units of the canvas
THUMBNAIL = (1200, 1024)  # pixels at most
HELP_PICTURE = (960, 1280)
MOMENT = 0.4  # of a clip, for its picture
BYTES_LIMIT = 100_000
SCREEN_WIDTH = 1300  # pixels for the graph when it is opened
EDGES = {"left": 90, "top": 170, "right": 40, "bottom": 90}  # pixels that the page's own bars cover

Box = tuple[float, float, float, float]  # left, top, width and height, in the units of the canvas

_BUILD = """(() => {
  const made = {}
  for (const each of x.nodes) {
    const node = LiteGraph.createNode(each.type)
    if (!node) throw new Error(`There is no node ${each.type}.`)
    Object.assign(node, each.looks)
    app.graph.add(node)
    node.setSize([each.width, node.size[1]])
    for (const [name, value] of Object.entries(each.values)) {
      const widget = node.widgets.find((each) => each.name === name)
      if (!widget) throw new Error(`${each.type} has no widget ${name}.`)
      widget.value = value
    }
    made[each.id] = node
  }
  for (const [from, output, to, input] of x.links) {
    const source = made[from], target = made[to]
    const slots = [source.findOutputSlot(output), target.findInputSlot(input)]
    if (Math.min(...slots) < 0 || !source.connect(slots[0], target, slots[1]))
      throw new Error(`${source.type}.${output} does not go into ${target.type}.${input}.`)
  }
})()"""
_SIZES = """app.graph.nodes.map((node) => {
  const height = node.computeSize()[1] + x[node.id]
  node.setSize([node.size[0], height])
  return [Number(node.id), [node.size[0], height]]
})"""
_PLACE = "void app.graph.nodes.forEach((node) => { node.pos = x[node.id] })"
_LOOK = (
    "void (app.canvas.ds.scale = 1, app.canvas.ds.offset = x, app.canvas.deselectAll(), app.canvas.draw(true, true))"
)
_HOLD = """Promise.all([...document.querySelectorAll('video')].map((video) => {
  video.controls = false
  video.pause()
  const there = new Promise((done) => video.addEventListener('seeked', done, {once: true}))
  video.currentTime = video.duration * 0.4
  return there
}))"""
_ANOTHER_TAKE = """void app.graph.nodes.forEach((node) => {
  for (const widget of node.widgets ?? []) if (widget.name === 'seed') widget.value = 8
})"""
_SETTLE = "new Promise((done) => setTimeout(done, 400))"
_CALM = "new Promise((done) => setTimeout(done, 3500))"  # until the nodes have made room for what they show
_QUIET = {"Comfy.Minimap.Visible": False, "Comfy.Graph.CanvasInfo": False, "Comfy.Queue.ShowRunProgressBar": False}


def build(tab: Tab, example: Example) -> None:
    """The example's graph, in the place of what the page shows."""
    tab.clear()
    tab.js(_BUILD, {"nodes": [*map(_node, example.nodes), _note(example)], "links": list(_links(example))})


def _node(node: Node) -> dict[str, Any]:
    values = {name: value for name, value in node.inputs.items() if not isinstance(value, Output)}
    return {"id": node.id, "type": node.type, "width": node.width, "looks": {}, "values": values}


def _note(example: Example) -> dict[str, Any]:
    looks = {"title": ABOUT, "color": "#432", "bgcolor": "#653"}
    return {
        "id": len(example.nodes) + 1,
        "type": "MarkdownNote",
        "width": NOTE_WIDTH,
        "looks": looks,
        "values": {"text": example.note},
    }


def _links(example: Example) -> Iterator[tuple[int, str, int, str]]:
    for node in example.nodes:
        for name, value in node.inputs.items():
            if isinstance(value, Output):
                yield value.node.id, value.name, node.id, name


def lay_out(tab: Tab, example: Example) -> dict[int, Box]:
    """Gives the nodes their sizes and stands them in their columns."""
    note = len(example.nodes) + 1
    rooms = {node.id: node.room for node in example.nodes} | {note: 19 * _lines(example.note)}
    sizes = dict(tab.js(_SIZES, rooms))
    columns = [[node.id for node in column] for column in example.columns]
    columns = [[note, *columns[0]], *columns[1:]] if example.note_on_top else [[note], *columns]
    boxes, left = {}, 0.0
    for column in columns:
        top = 0.0
        for number in column:
            boxes[number] = (left, top, *sizes[number])
            top += sizes[number][1] + TITLE_HEIGHT + GAP
        left += max(sizes[number][0] for number in column) + GAP
    place(tab, boxes)
    return boxes


def _lines(note: str) -> int:
    """About as many as the note takes at its width; a Chinese character is as wide as two others."""
    widths = (len(line) + sum(char > "\u2e80" for char in line) for line in note.splitlines())
    return sum(1 + width // 75 for width in widths)


def place(tab: Tab, boxes: dict[int, Box]) -> None:
    tab.js(_PLACE, {number: box[:2] for number, box in boxes.items()})


def workflow(tab: Tab, example: Example, boxes: dict[int, Box]) -> dict[str, Any]:
    """What the page would save, without what is this page's own."""
    saved: dict[str, Any] = tab.js("app.graphToPrompt().then((it) => it.workflow)")
    saved["id"] = str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://github.com/sora-video-nodes/{example.api}"))
    scale = round(min(0.8, SCREEN_WIDTH / max(left + width for left, _, width, _ in boxes.values())), 2)
    # what the page shows of it in its app mode
    ends = [node.id for node in example.nodes if not any(source == node.id for source, *_ in _links(example))]
    saved["extra"]["linearData"] = {"inputs": [[node.id, name] for node, name in example.app], "outputs": ends}
    saved["extra"]["ds"] = {"scale": scale, "offset": [round(110 / scale), round(130 / scale)]}
    for node in saved["nodes"]:
        if node["type"].startswith("SoraVideo_"):  # what ComfyUI-Manager offers to install when the node is missing
            node["properties"] |= {"cnr_id": PACK, "ver": _version()}
        for slot in [*node.get("inputs", []), *node.get("outputs", [])]:
            slot.pop("localized_name", None)  # of this page's language
    return saved


def _version() -> str:
    return re.findall(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), flags=re.MULTILINE)[0]


def frame(tab: Tab, boxes: Sequence[Box]) -> dict[str, float]:
    """Brings the part of the graph that these boxes take into view; where on the page it is then."""
    left, top = min(box[0] for box in boxes) - 30, min(box[1] for box in boxes) - TITLE_HEIGHT - 20
    width = int(max(box[0] + box[2] for box in boxes) + 30 - left)
    height = int(max(box[1] + box[3] for box in boxes) + 30 - top)
    size = {"width": width + EDGES["left"] + EDGES["right"], "height": height + EDGES["top"] + EDGES["bottom"]}
    tab.page.set_viewport_size(size)
    origin = tab.js("(({left, top}) => [left, top])(document.querySelector('#graph-canvas').getBoundingClientRect())")
    tab.js(_LOOK, [EDGES["left"] - left - origin[0], EDGES["top"] - top - origin[1]])
    tab.js(_SETTLE)
    return {"x": EDGES["left"], "y": EDGES["top"], "width": width, "height": height}


def shoot(tab: Tab, boxes: Sequence[Box], limit: tuple[int, int]) -> bytes:
    """A JPEG of the part of the graph that these boxes take."""
    clip = frame(tab, boxes)
    return _jpeg(Image.open(io.BytesIO(tab.page.screenshot(clip=clip))), limit)  # type: ignore[arg-type]


def _jpeg(picture: Image.Image, limit: tuple[int, int]) -> bytes:
    picture = picture.convert("RGB")
    picture.thumbnail(limit, Image.Resampling.LANCZOS)
    for quality in range(90, 30, -5):
        held = io.BytesIO()
        picture.save(held, "JPEG", quality=quality, optimize=True, progressive=True)
        if held.tell() < BYTES_LIMIT:
            return held.getvalue()
    raise ValueError(f"The picture does not fit into {BYTES_LIMIT} bytes.")


def clips_of(entry: dict[str, Any]) -> int:
    """How many nodes play a clip when the prompt of this history entry is done."""
    return sum(bool(output.get("animated") and output.get("images")) for output in entry["outputs"].values())


def result_of(tab: Tab, example: Example, entry: dict[str, Any]) -> Image.Image | None:
    """A frame of what the last node made; None where nothing is to be seen."""
    for node in reversed(example.nodes):
        for shown in entry["outputs"].get(str(node.id), {}).get("images", ()):
            path = tab.comfy.base / shown["type"] / shown["subfolder"] / shown["filename"]
            return _frame(path) if path.suffix == ".mp4" else Image.open(path)
    return None


def _frame(path: Path) -> Image.Image:
    with av.open(str(path)) as clip:
        moment = (clip.duration or 0) / av.time_base * MOMENT
        for frame in clip.decode(video=0):
            if (frame.time or 0) >= moment:
                return frame.to_image()
    raise ValueError(f"{path} ends before its middle.")


def make(tab: Tab, example: Example) -> None:
    build(tab, example)
    entry = tab.run()
    if entry["status"]["status_str"] != "success":
        raise RuntimeError(f"{example.title}: {json.dumps(entry['status'])[:2000]}")
    tab.wait_for_players(clips_of(entry))
    tab.js(_CALM)
    boxes = lay_out(tab, example)
    tab.js(_HOLD)
    result = result_of(tab, example, entry)
    picture = _jpeg(result, THUMBNAIL) if result else shoot(tab, list(boxes.values()), THUMBNAIL)
    (WORKFLOWS / f"{example.file_name}.jpg").write_bytes(picture)
    for nodes in example.pictured:
        picture = HELP / nodes[0].type / "graph.jpg"
        picture.write_bytes(shoot(tab, [boxes[node.id] for node in nodes], HELP_PICTURE))
    # anew: what is saved has nothing of the run
    build(tab, example)
    lay_out(tab, example)
    place(tab, boxes)
    saved = workflow(tab, example, boxes)
    tab.load(saved)
    _write(WORKFLOWS / f"{example.file_name}.json", saved)
    _write(TWINS / f"{example.api}.json", tab.api_prompt(titles=True))


def _record(tab: Tab, example: Example) -> None:
    """The graph is run twice: it is known only afterwards how much room the player takes."""
    build(tab, example)
    tab.run()
    tab.wait_for_players()
    tab.js(_SETTLE)
    boxes = lay_out(tab, example)
    build(tab, example)
    place(tab, boxes)
    tab.js(_ANOTHER_TAKE)
    record(tab, frame(tab, [boxes[node.id] for node in example.nodes]))


def _write(path: Path, value: Any) -> None:
    path.write_bytes((json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))


def main() -> int:
    names = [PAGE, MOVING, *(example.api for example in EXAMPLES)]
    wanted = sys.argv[1:] or names
    unknown = set(wanted) - set(names)
    if unknown:
        sys.exit(f"No such example: {', '.join(sorted(unknown))}.")
    found = checkouts()
    if not found:
        sys.exit("No ComfyUI was found (COMFYUI_DIR, comfy-cli's workspace, ~/comfy/ComfyUI).")
    pace = {"SORA_PREVIEW_SPEED": "1"} if MOVING in wanted else {}  # so that there is something to see
    with (
        tempfile.TemporaryDirectory() as base,
        running_browser() as browser,
        running(max(found, key=version_of), Path(base), env=pace) as comfy,
    ):
        tab = Tab(browser, comfy, **_QUIET)
        if PAGE in wanted:
            make_page_pictures(tab)
        if MOVING in wanted:
            _record(tab, EXAMPLES[0])
        for example in EXAMPLES:
            if example.api in wanted:
                print(example.file_name, flush=True)
                make(tab, example)
    return 0


if __name__ == "__main__":
    sys.exit(main())
