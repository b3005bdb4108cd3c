"""Example workflows for servers of one's own."""

from __future__ import annotations

from example_parts import Example, Node, sora


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
