"""Example workflows in which one video leads to another, and of many videos."""

from __future__ import annotations

from example_parts import Example, Node, sora


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
