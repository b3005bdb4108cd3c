"""The example workflows as they are meant; `scripts/examples` makes the files and pictures of them."""

from __future__ import annotations

from example_graphs_chains import character, edit_and_extend, everything, film, many_prompts, remix
from example_graphs_servers import own_fastvideo, own_server, own_sglang, own_vllm_omni
from example_parts import Example, Node, Output, sora

__all__ = ["EXAMPLES", "Example", "Node", "Output"]


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
