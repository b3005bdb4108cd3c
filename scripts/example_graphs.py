"""The example workflows as they are meant; `scripts/examples` makes the files and pictures of them.

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


def text_to_video() -> Example:
    clip = sora(
        1,
        "Text2Video",
        prompt="A paper boat drifts down a rain-soaked street at dusk, neon reflections, slow dolly shot",
        seed=1,
        seconds=5,
        width=520,
    )
    note = """## Sora Text to Video

Press **Run**. The node sends the prompt to the server of its **profile**, waits for the job, saves the clip in \
output/video and plays it.

- **preview** is built in and **free**. It needs no key and no network, and renders an animatic of the request that \
says PREVIEW. Lay out and time a whole graph with it before you pay for anything.
- The same request is paid once: running it again gives the video that exists. **Another seed is a new take.**
- To use a server of your own or a relay, add it in ComfyUI's **settings**, section **Sora Video**, and pick it on the \
node. Every job is in the sidebar, under **Sora jobs**.

**preview** 内置且免费，无需密钥；换一个种子（seed）就是新的一条；\
在 ComfyUI 设置的“Sora 视频”一节添加自己的服务器，任务在侧边栏查看。
"""
    return Example(
        "Text to Video",
        "text_to_video",
        note,
        [[clip]],
        [(clip, "prompt"), (clip, "profile"), (clip, "seconds")],
        [[clip]],
    )


def image_to_video() -> Example:
    picture = Node(1, "EmptyImage", {"width": 1280, "height": 960, "color": 0x2E6F8E}, 260)
    clip = sora(
        2,
        "Image2Video",
        prompt="The camera pushes in slowly while mist rises from the lake",
        image=picture["IMAGE"],
        fit="crop",
        seed=1,
        seconds=4,
    )
    note = """## Image to Video

The picture is the first frame of the video. Put **Load Image** in the place of *EmptyImage* and pick a picture of \
your own.

**fit** says how a picture of another shape becomes the video's: *crop* cuts its sides, *letterbox* adds bars, \
*stretch* pulls it. The node shows the picture as it is sent.

把 EmptyImage 换成“加载图像”，即可使用自己的图片；fit 决定图片如何适应视频画面。
"""
    return Example(
        "Image to Video",
        "image_to_video",
        note,
        [[picture], [clip]],
        [(clip, "prompt"), (clip, "profile"), (clip, "seconds")],
        [[clip, picture]],
    )


def storyboard_script() -> Example:
    board = sora(
        1,
        "Storyboard",
        script="# lines that begin with # are comments\n"
        "[3s] A lighthouse at dawn, gulls over the cliffs\n"
        "[4s] Inside, a keeper pours coffee; steam in the first light\n"
        "[5s] Wide: a ship passes, the lamp goes out",
        prompt="35 mm film, soft morning light, calm pace",
        seed=1,
        width=520,
    )
    note = """## Storyboard from a script

One line is one shot: its length in brackets, then what it shows. The shots add up to the length of the video: here \
3 + 4 + 5 = 12 seconds. **prompt** holds for all of them.

Which totals a server makes differs. The message names them, before anything is sent.

一行一个镜头：方括号里是时长，后面是画面；各镜头时长之和就是视频时长。
"""
    return Example(
        "Storyboard from a Script",
        "storyboard_script",
        note,
        [[board]],
        [(board, "script"), (board, "prompt"), (board, "profile")],
        [[board]],
    )


def storyboard_shots() -> Example:
    shots = [
        sora(1, "Shot", text="A red kite climbs over dunes", seconds=3, width=320),
        sora(2, "Shot", text="Close-up: hands let the line run", seconds=2, width=320),
        sora(3, "Shot", text="The kite against the sun, birds scatter", seconds=3, width=320),
    ]
    board = sora(
        4,
        "Storyboard",
        prompt="Handheld, late afternoon, warm colours",
        seed=1,
        **{f"shots.shot{number}": shot["shot"] for number, shot in enumerate(shots)},
    )
    note = """## Storyboard from shots

Each **Sora Shot** is one segment; their order is that of the sockets. A free socket appears for the next one. Use \
this in place of the script when shots come from other nodes, or to try several in turn (Ctrl-M mutes a node).

每个“Sora 镜头”节点是一段，按插槽顺序排列；连接后会自动多出一个空插槽。
"""
    return Example(
        "Storyboard from Shots",
        "storyboard_shots",
        note,
        [shots, [board]],
        [(shot, "text") for shot in shots],
        [[*shots, board]],
    )


def remix() -> Example:
    first = sora(1, "Text2Video", prompt="A tram crosses an old bridge in the rain", seed=1, seconds=4)
    again = sora(2, "Remix", prompt="The same, in deep snow at night", source_job=first["job_id"], seed=1, seconds=4)
    note = """## Remix a video

**Sora Remix** changes a video that the same profile has made: connect its **job_id** to **source_job**, or write the \
id of an older job there. Its shape is that of the source, unless you ask for another one.

Run it again with another prompt on the remix: the first video is not paid again.

把 job_id 连到 source_job，即可在已有视频上再创作；第一段视频不会重复付费。
"""
    return Example(
        "Remix a Video",
        "remix",
        note,
        [[first], [again]],
        [(first, "prompt"), (again, "prompt"), (again, "seed")],
        [[again, first]],
    )


def character() -> Example:
    first = sora(1, "Text2Video", prompt="Portrait of an old clockmaker who looks up and smiles", seed=1, seconds=4)
    made = sora(2, "CreateCharacter", name="Clockmaker", video=first["video"], start=0.5, end=3, width=360)
    again = sora(
        3,
        "Text2Video",
        prompt="The clockmaker walks through a night market, lanterns all around",
        character=made["character"],
        seed=1,
        seconds=4,
    )
    note = """## The same character in several videos

1. A clip that shows somebody for 1 to 3 seconds.
2. **Sora Create Character** makes a character of it and keeps it in the library under its name. Only of people who \
agreed.
3. Any generating node takes it: connect **character**, or write its name in **characters**.

A character belongs to the profile that made it.

用 1 到 3 秒的片段创建角色，之后在任何生成节点中连接或写上名字即可使用；须经本人同意。
"""
    return Example(
        "Consistent Character",
        "character",
        note,
        [[first], [made], [again]],
        [(first, "prompt"), (made, "name"), (again, "prompt")],
        [[made, again]],
    )


def clean_link() -> Example:
    clip = sora(1, "Text2Video", prompt="A glass greenhouse at noon, leaves sway", seed=1, seconds=4)
    clean = sora(2, "RemoveWatermark", source=clip["job_id"], confirm_rights=True)
    note = """## A clip without the visible watermark

**Sora Remove Watermark** asks the provider for *its own* clean rendition of a clip. It edits no pixels and keeps \
content credentials.

**confirm_rights** is on in this example because the graph itself makes the clip. It means: *this clip is mine, or I \
have its owner's permission*. It is off on a new node, and nothing is done until you turn it on.

confirm_rights 的含义：该视频归我所有，或我已获得其所有者许可。新建节点时默认关闭。
"""
    return Example(
        "Remove Watermark",
        "remove_watermark",
        note,
        [[clip], [clean]],
        [(clip, "prompt"), (clean, "confirm_rights"), (clean, "profile")],
        [[clean, clip]],
    )


def quota() -> Example:
    left = sora(1, "Quota", width=320)
    note = """## What is left

Reads what the account of the **profile** has left, shows it on the node and hands it on. It is free and read anew \
on every run.

读取账户剩余额度；免费，每次运行都会重新读取。
"""
    return Example("Check Quota", "quota", note, [[left]], [(left, "profile")], [[left]])


def resume_job() -> Example:
    sent = sora(1, "Text2Video", prompt="Clouds over a mountain pass, time-lapse", seed=1, seconds=4, wait=False)
    collected = sora(2, "ResumeJob", job_id=sent["job_id"])
    note = """## Submit now, collect later

With **wait** off a node submits its job and goes on at once; only its **job_id** has a value. **Sora Resume Job** \
waits for that job, downloads it and hands out the video. It never submits and never charges.

To collect an older job, remove the link and pick the job in **recent**, or write its id.

关闭 wait 后节点只提交任务；“Sora 恢复任务”按 job_id 取回视频，绝不会再次扣费。
"""
    return Example(
        "Submit Now, Collect Later",
        "resume_job",
        note,
        [[sent], [collected]],
        [(sent, "prompt"), (sent, "profile"), (collected, "profile")],
        [[collected, sent]],
    )


def enhance_prompt() -> Example:
    better = sora(1, "EnhancePrompt", prompt="a fox in a birch forest", level="medium", seconds=4, width=380, room=190)
    clip = sora(2, "Text2Video", prompt=better["prompt"], seed=1, seconds=4)
    note = """## A better prompt

**Sora Enhance Prompt** has the server write a short idea out. The same idea gives the same words again and is paid \
once; with some servers the first time costs what a call of a text model costs.

先把简短的想法扩写成提示词，再生成视频；相同的想法只付一次费。
"""
    return Example(
        "Enhance Prompt",
        "enhance_prompt",
        note,
        [[better], [clip]],
        [(better, "prompt"), (better, "level"), (clip, "seconds")],
        [[better, clip]],
    )


def image() -> Example:
    picture = sora(1, "Image", prompt="A lone cabin under northern lights, snow, wide shot", seed=1, width=360)
    clip = sora(
        2,
        "Image2Video",
        prompt="The lights move, smoke rises from the chimney",
        image=picture["image"],
        seed=1,
        seconds=4,
    )
    note = """## Text to image to video

**Sora Image** makes the first frame; try seeds until it is right, then let **Sora Image to Video** move it. While \
you change only the video, the picture is not made or paid again.

先生成首帧图片，满意后再让它动起来；只改视频时，图片不会重复生成或付费。
"""
    return Example(
        "Text to Image to Video",
        "image",
        note,
        [[picture], [clip]],
        [(picture, "prompt"), (picture, "seed"), (clip, "prompt")],
        [[picture, clip]],
    )


def own_server() -> Example:
    how = sora(1, "Settings", steps=30, guidance=5, fps=16, num_frames=81, flow_shift=5, width=320, room=0)
    clip = sora(
        2,
        "Text2Video",
        prompt="A red panda balances along a snowy branch, slow push in, shallow depth of field",
        settings=how["settings"],
        size="832x480",
        seed=1,
        width=480,
    )
    note = """## Wan on your own server

**Sora Settings** says how your own server is to make the video. Here: what Wan 2.2 was made for, 81 frames at 16 per \
second, which is five seconds.

1. Start a server on the machine with the graphics card, such as `vllm serve Wan-AI/Wan2.2-T2V-A14B-Diffusers --omni`.
2. In ComfyUI's settings, section **Sora Video**, add a profile with its address, and pick it on the node. **Test** \
names the dialect.
3. Run. What the server does not have is refused before anything is sent, with what it has.

On **preview** the graph runs as it is: the animatic has the same frames and names the settings.

在自己的显卡服务器上运行 Wan：先启动服务器，再添加配置并在节点上选择它；服务器没有的设置会在发送前被拒绝。\
用 preview 可以先行预览。
"""
    few = [(clip, "prompt"), (how, "steps"), (how, "num_frames")]
    return Example("Wan on Your Own Server", "own_server", note, [[how], [clip]], few, [[how, clip]])


def film() -> Example:
    first = sora(1, "Text2Video", prompt="Dawn: a small red biplane warms up on a wet airfield", seed=1, seconds=4)
    second = sora(2, "Image2Video", prompt="It rolls, lifts off, the grass bends", source_job=first["job_id"], seed=1,
                  seconds=4)  # fmt: skip
    third = sora(3, "Image2Video", prompt="Above the clouds, the sun comes up", source_job=second["job_id"], seed=1,
                 seconds=4)  # fmt: skip
    whole = sora(4, "JoinClips", **{f"videos.video{number}": clip["video"] for number, clip in
                                    enumerate((first, second, third))}, width=380)  # fmt: skip
    note = """## A film of three clips

Each clip begins where the one before ended: connect **job_id** to **source_job** of the next **Sora Image to Video**. \
Its first picture is then the last frame, exactly.

**Sora Join Clips** makes one file of them, pictures untouched where the clips are alike, sound in step. **crossfade** \
lets one go over into the next.

Change the prompt of the last clip and run again: the first two are not paid again.

每个视频从上一个的最后一帧开始（job_id 连到 source_job），\
再由“Sora 拼接片段”合成一部影片；只改最后一段时，前两段不会重复付费。
"""
    few = [(first, "prompt"), (second, "prompt"), (third, "prompt")]
    return Example("Film of Three Clips", "film", note, [[first, second], [third, whole]], few, [[whole]])


def many_prompts() -> Example:
    listed = sora(
        1,
        "Prompts",
        text="# one prompt a line; a line in braces has its own length and seed\n"
        "A street market wakes up, shutters rise, first light\n"
        "Noon: steam over the noodle stand, a crowd passes\n"
        '{"prompt": "Night: neon in the puddles, the last stall closes", "seconds": 3, "seed": 8}',
        seed=1,
        seconds=2,
        room=120,
    )
    clips = sora(
        2, "Text2Video", prompt=listed["prompt"], seconds=listed["seconds"], seed=listed["seed"], size="640x360"
    )
    whole = sora(3, "JoinClips", **{"videos.video0": clips["video"]}, width=380)
    note = """## Many prompts, one graph

**Sora Prompts** holds a prompt a line. The node behind it makes a video of each, side by side under the limits of \
its **profile**; each is a job of its own, and its cost is told for all of them before **Run**.

Add a line and run again: only the new one is made and paid. **Sora Join Clips** takes the list as it comes and makes \
one film of it.

每行一条提示词，各生成一个视频，并行进行；运行前显示全部费用。\
再加一行后重新运行，只生成并付费新的一条。“Sora 拼接片段”可把列表合成一部影片。
"""
    few = [(listed, "text"), (listed, "seconds"), (clips, "profile")]
    return Example("Many Prompts", "many_prompts", note, [[listed], [clips], [whole]], few, [[listed, clips]])


def own_vllm_omni() -> Example:
    dusk = Node(1, "EmptyImage", {"width": 832, "height": 480, "color": 0xC4713A}, 240)
    night = Node(2, "EmptyImage", {"width": 832, "height": 480, "color": 0x18233F}, 240)
    how = sora(
        3,
        "Settings",
        steps=40,
        guidance=4,
        guidance_2=3,
        fps=16,
        num_frames=81,
        lora="loras/night-lights.safetensors:0.8",
        more="boundary_ratio = 0.875",
        width=320,
        room=0,
    )
    clip = sora(
        4,
        "Text2Video",
        prompt="A harbour town from dusk to night, windows light up one by one, the camera does not move",
        settings=how["settings"],
        first_frame=dusk["IMAGE"],
        last_frame=night["IMAGE"],
        size="832x480",
        seed=1,
        width=460,
    )
    note = """## vLLM-Omni: from one picture to another

The first and the last frame, a LoRA, and settings of the server's own under **more**. Put **Load Image** in the place \
of *EmptyImage*.

`pip install vllm vllm-omni`, then `vllm serve MODEL --omni --port 8091` on the machine with the graphics card. Add a \
profile with its address and `dialect = "vllm-omni"`. The LoRA is a path *on that machine*; it takes one in a request.

vLLM-Omni：首帧与尾帧、LoRA，以及“更多”里的自有设置；LoRA 是服务器上的路径。预览（preview）可直接运行。
"""
    few = [(clip, "prompt"), (how, "steps"), (how, "num_frames")]
    return Example("vLLM-Omni First and Last Frame", "own_vllm_omni", note, [[dusk, night], [how], [clip]], few)


def own_sglang() -> Example:
    how = sora(
        1,
        "Settings",
        steps=30,
        guidance=5,
        fps=24,
        num_frames=97,
        more="enable_frame_interpolation = true\nframe_interpolation_exp = 1",
        width=320,
        room=0,
    )
    walk = sora(2, "Text2Video", prompt="A dancer turns slowly in an empty hall", settings=how["settings"], seed=1)
    again = sora(
        3,
        "Text2Video",
        prompt="The same movement, as a figure of folded paper",
        settings=how["settings"],
        seed=1,
        **{"references.reference0": walk["video"]},
    )
    note = """## SGLang: a video as a reference

The second video follows the movement of the first one, for models that take a video (`task_type` V2V). One **Sora \
Settings** serves both.

`pip install "sglang[diffusion]"`, then `sglang serve --model-path MODEL --port 30000`. Add a profile with its address \
and `dialect = "sglang"`.

SGLang：把第一段视频作为参考；一个“Sora 设置”供两个节点使用。预览（preview）可直接运行。
"""
    few = [(walk, "prompt"), (again, "prompt"), (how, "steps")]
    return Example("SGLang Video Reference", "own_sglang", note, [[how], [walk], [again]], few)


def own_fastvideo() -> Example:
    how = sora(
        1, "Settings", steps=6, guidance=1, fps=16, num_frames=81, more="enable_teacache = true", width=320, room=0
    )
    clip = sora(
        2,
        "Text2Video",
        prompt="A paper lantern rises over a lake at night, ripples in the reflection",
        settings=how["settings"],
        takes=3,
        size="832x480",
        seed=1,
        width=480,
    )
    note = """## FastVideo: few steps, several takes

A distilled model needs few steps, so three takes cost little time. FastVideo's own seed is always the same; the node \
sends one for each take.

`pip install fastvideo`, then `fastvideo serve --config serve.yaml`. Add a profile with its address and \
`dialect = "fastvideo"`.

FastVideo：步数少的蒸馏模型，一次生成三个版本，各用不同的种子。预览（preview）可直接运行。
"""
    few = [(clip, "prompt"), (clip, "takes"), (how, "steps")]
    return Example("FastVideo Few Steps", "own_fastvideo", note, [[how], [clip]], few)


def edit_and_extend() -> Example:
    first = sora(1, "Text2Video", prompt="A sailing boat crosses a calm bay at noon", seed=1, seconds=4)
    edited = sora(
        2, "Edit", prompt="The same bay at sunset, everything else stays", source_job=first["job_id"], seed=1, room=0
    )
    longer = sora(
        3,
        "Edit",
        prompt="The boat turns towards the camera and comes closer",
        operation="extend",
        source_job=edited["job_id"],
        seconds=4,
        seed=1,
        room=0,
    )
    note = """## Edit a video, and go on from its end

**Sora Edit** changes a video as the prompt says and keeps the rest of it (*edit*), or goes on where it ends \
(*extend*). Connect **job_id** to **source_job**, or a video to **video**.

A server without such a page, as vLLM-Omni and SGLang, gets the clip as a reference of a new video; what a profile \
cannot do is refused before anything is sent.

编辑视频（edit），或从结尾继续（extend）；可连接 job_id，也可连接视频文件。配置不支持时会在发送前被拒绝。
"""
    few = [(first, "prompt"), (edited, "prompt"), (longer, "prompt")]
    return Example("Edit and Extend a Video", "edit", note, [[first], [edited], [longer]], few, [[edited, first]])


def everything() -> Example:
    first = sora(1, "Text2Video", prompt="Portrait of a sailor in a yellow coat, who turns her head", seed=1, seconds=4)
    sailor = sora(2, "CreateCharacter", name="Sailor", video=first["video"], start=0.5, end=3, width=340)
    board = sora(
        3,
        "Storyboard",
        script="[3s] The sailor unties a small boat at dawn\n"
        "[3s] Out on the water, sails fill\n"
        "[2s] She looks back at the shore",
        prompt="Nordic light, 35 mm film",
        character=sailor["character"],
        seed=1,
    )
    again = sora(4, "Remix", prompt="The same, under a stormy sky", source_job=board["job_id"], seed=1, seconds=8)
    clean = sora(5, "RemoveWatermark", source=again["job_id"], confirm_rights=True)
    saved = Node(6, "SaveVideo", {"video": clean["video"], "filename_prefix": "video/sailor"}, 380)
    note = """## From character to finished clip

1. A portrait, and a **character** of it.
2. A **storyboard** with that character.
3. A **remix** of the storyboard.
4. The provider's **clean** rendition. *confirm_rights* says: this clip is mine, or I have its owner's permission.
5. **Save Video** writes it under a name of its own.

Lay it out on *preview*, which is free, then pick your own profile on every node: all of them must name the same one.

角色 → 分镜 → 再创作 → 无水印 → 保存。先用免费的 preview 排好，再在所有节点上换成同一个自己的配置。
"""
    columns = [[first], [sailor, board], [again, clean], [saved]]
    title = "Storyboard with Character, Remix, Clean Link, Save"
    return Example(
        title, "end_to_end", note, columns, [(first, "prompt"), (board, "script"), (again, "prompt")], note_on_top=True
    )


EXAMPLES = [
    text_to_video(),
    image_to_video(),
    storyboard_script(),
    storyboard_shots(),
    remix(),
    character(),
    clean_link(),
    quota(),
    resume_job(),
    enhance_prompt(),
    image(),
    film(),
    many_prompts(),
    own_server(),
    own_vllm_omni(),
    own_sglang(),
    own_fastvideo(),
    edit_and_extend(),
    everything(),
]
