"""Chat answers, streamed and plain: what they hold, whole or cut off anywhere."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from sora_core.conformance.asking import unmarked
from sora_core.errors import ModerationRejected, NetworkError, RequestRejected, SubmissionUnknown
from sora_core.models import Effect, Failure, Secret, State, Upload
from sora_core.providers import Attempt, job_error_class
from sora_core.providers import _chat as chat
from sora_core.providers._answers import prose
from sora_core.providers._chat import Answer, Reader
from sora_core.transport import Call, Reply

BASE = "https://relay.example/v1"
LINK = "https://cdn.example/v/a.mp4?sig=a%2Bb&se=1"
TASK = "video_c916cb42-8a53-480c-a8e5-62f9cf962bfd"
UUID = "c916cb42-8a53-480c-a8e5-62f9cf962bfd"
VECTORS = Path(__file__).parent / "vectors"


def event(value: Any) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def delta(**fields: Any) -> str:
    reason = fields.pop("finish_reason", None)
    return event({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": fields, "finish_reason": reason}]})


def stream(content: str) -> str:
    head = delta(role="assistant", content=None) + delta(reasoning_content="**Progress**: 40% (running)\n")
    return head + delta(content=content, finish_reason="STOP") + "data: [DONE]\n\n"


def plain(content: Any, **more: Any) -> str:
    message = {"role": "assistant", "content": content}
    return json.dumps({"id": "chatcmpl-1", "choices": [{"message": message, "finish_reason": "stop"}], **more})


def read(text: str | bytes, *, ended: bool = False, **options: Any) -> Answer:
    reader = Reader(**{"base_url": BASE, **options})
    reader.feed(text if isinstance(text, bytes) else text.encode())
    if ended:
        reader.end()
    return reader.answer()


LINKS = {
    "video tag": f"```html\n<video src='{LINK}' controls></video>\n```",
    "video tag, double quotes": f'<video controls="controls" src="{LINK}"></video>',
    "escaped ampersand": f"<video src='{LINK.replace('&', '&amp;')}' controls>",
    "source tag": f'<video controls><source src="{LINK}" type="video/mp4"></video>',
    "markdown": f"✅ 视频生成成功，[点击这里]({LINK}) 预览",
    "markdown after a cover": f"![cover](https://cdn.example/c.jpg)\n[watch]({LINK})",
    "bare": f"Your video: {LINK}\n",
    "bare before Chinese": f"视频地址：{LINK}，请下载",
    "bare at the end": LINK,
    "json": json.dumps({"type": "video", "url": LINK}),
    "fenced json": "```json\n" + json.dumps({"video_url": LINK}) + "\n```",
    "after a page about it": f"[data](https://relay.example/task/1) | [video]({LINK})",
    "with a task": f"任务ID: `{TASK}`\n{LINK}",
}


class TestALink:
    @pytest.mark.parametrize("form", LINKS)
    def test_is_found_in_a_streamed_and_in_a_plain_answer(self, form):
        assert read(stream(LINKS[form])).link == LINK
        assert read(plain(LINKS[form])).link == LINK
        assert read(plain([{"type": "text", "text": LINKS[form]}])).link == LINK

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
    @pytest.mark.parametrize("form", LINKS)
    def test_is_found_however_the_bytes_are_cut(self, form, size):
        reader = Reader(base_url=BASE)
        body = stream(LINKS[form]).replace("\n", "\r\n").encode()
        for start in range(0, len(body), size):
            reader.feed(body[start : start + size])
        assert reader.answer() == read(stream(LINKS[form]))

    @pytest.mark.parametrize("form", LINKS)
    def test_is_found_when_the_content_comes_in_tokens(self, form):
        tokens = "".join(delta(content=LINKS[form][at : at + 3]) for at in range(0, len(LINKS[form]), 3))
        assert read(tokens + "data: [DONE]\n\n").link == LINK

    @pytest.mark.parametrize("text", [stream, plain])
    @pytest.mark.parametrize("form", LINKS)
    def test_is_whole_or_none_wherever_the_answer_breaks_off(self, form, text):
        body = text(LINKS[form]).encode()
        found = {read(body[:cut]).link for cut in range(len(body))}
        assert found <= {None, LINK}

    @pytest.mark.parametrize(
        "part",
        [
            {"type": "video_url", "video_url": {"url": LINK}},
            {"type": "video", "url": LINK},
            {"type": "video", "video_url": LINK},
        ],
    )  # fmt: skip
    def test_may_be_a_part_of_its_own(self, part):
        assert read(plain([{"type": "text", "text": "done"}, part])).link == LINK

    def test_of_a_clean_rendition_stands_beside_the_choices(self):
        vector = json.loads((VECTORS / "skyriff_chat_links.json").read_text("utf-8"))
        answer = read(json.dumps(vector["response"]["body"]), sent="https://sora.chatgpt.com/p/s_68f6")
        snapshot, expect = chat.snapshot_of(answer), vector["expect"]
        assert (snapshot.state.value, snapshot.progress) == (expect["state"], expect["progress"])
        assert (snapshot.url, snapshot.remote_id) == (expect["url"], expect["job_id"])

    def test_of_a_watermarked_rendition_alone_is_none(self):
        answer = read(plain("视频解析成功", links={"mp4_wm": LINK, "gif": "https://cdn.example/x.gif", "id": "s_1"}))
        assert answer.link is None

    def test_that_is_relative_is_joined_with_the_origin(self):
        assert read(stream("<video src='/files/a.mp4'>")).link == "https://relay.example/files/a.mp4"

    @pytest.mark.parametrize(
        "content",
        [
            "![cover](https://cdn.example/c.jpg)",
            "see https://relay.example/docs.html",
            "<video controls>",
            "[x](ftp://a.example/b.mp4)",
            "<video src='http://[half/a.mp4'>",
            "",
        ],
    )
    def test_is_not_made_of_other_things(self, content):
        assert read(stream(content)).link is None

    def test_that_we_sent_ourselves_is_an_echo(self):
        mine = "https://mine.example/i.mp4"
        assert read(stream(f"working on {mine} ..."), sent=f"animate {mine}").link is None
        assert read(stream(f"{mine} became {LINK}"), sent=mine).link == LINK

    def test_without_a_suffix_counts_when_nothing_better_is_said(self):
        page = "https://relay.example/v/abc"
        assert read(stream(f"[done]({page})")).link == page
        assert read(stream(f"[status]({page}) of {TASK}")).link is None
        assert read(delta(content=f"[status]({page})\n")).link is None
        assert read(stream(f"❌ 生成失败, [help]({page})")).link is None

    def test_with_the_bytes_in_it_is_the_video(self):
        snapshot = chat.snapshot_of(read(stream("<video src='data:video/mp4;base64,AAAA'>")))
        assert snapshot.media == b"\0\0\0"
        assert snapshot.url is None


TASKS = {
    "in the content": (stream(f"任务已提交，任务ID: {TASK}"), TASK),
    "in backquotes": (stream(f"> 任务ID: `{TASK}`"), TASK),
    "a task": (plain("task_01K8ABCDEF queued"), "task_01K8ABCDEF"),
    "with its model": (plain("id sora-2:task_01k6abcdef"), "sora-2:task_01k6abcdef"),
    "a UUID": (plain(f"submitted as {UUID}."), UUID),
    "in reasoning": (delta(reasoning_content=f"created {TASK}\n") + "data: [DONE]\n\n", TASK),
    "in the body": (json.dumps({"task_id": "8813312", "status": "pending"}), "8813312"),
    "nested": (json.dumps({"code": 200, "data": {"task_id": "abc"}}), "abc"),
    "as id": (json.dumps({"id": UUID, "status": "queued"}), UUID),
    "a number": (json.dumps({"id": 18446744073709551615}), "18446744073709551615"),
    "beside the choices": (plain("submitted", task_id="t-1"), "t-1"),
    "as the id of the completion": (plain("submitted").replace("chatcmpl-1", TASK), TASK),
    "json in the content": (plain(json.dumps({"task_id": "abc", "status": "pending"})), "abc"),
}
NO_TASKS = {
    "the talk's id": plain("done"),
    "a UUID as the talk's id": plain("done").replace("chatcmpl-1", UUID),
    "a word": plain("the video_url is coming, see task_status and video_generation"),
    "of a file": plain(f"saved as {UUID}.png"),
    "of a request": plain(f"(request id: {UUID})"),
    "in a link": plain(f"[page](https://relay.example/{UUID}.html)"),
    "of an error": json.dumps({"id": UUID, "error": {"message": "no"}}),
}


class TestATaskId:
    @pytest.mark.parametrize("case", TASKS)
    def test_is_found(self, case):
        text, task = TASKS[case]
        answer = read(text)
        assert answer.task_id == task
        assert chat.snapshot_of(answer).state is State.QUEUED

    @pytest.mark.parametrize("case", NO_TASKS)
    def test_is_not_taken_from(self, case):
        assert read(NO_TASKS[case]).task_id is None

    def test_that_we_sent_ourselves_is_an_echo(self):
        assert read(plain(f"remixing {TASK}"), sent=f"remix of {TASK}").task_id is None

    @pytest.mark.parametrize(
        "body",
        [plain(f"submitted {TASK}"), json.dumps({"task_id": TASK, "status": "pending"}), stream(f"任务 {TASK} ok")],
    )
    def test_is_whole_or_none_wherever_the_answer_breaks_off(self, body):
        found = {read(body.encode()[:cut]).task_id for cut in range(len(body.encode()))}
        assert found - {None, TASK} == set()

    def test_is_followed_even_when_an_error_came_after_it(self):
        body = delta(reasoning_content=f"{TASK}\n") + event(
            {"error": {"message": "upstream reset", "type": "server_error"}}
        )
        assert chat.snapshot_of(read(body)).remote_id == TASK


class TestATaskIdInAStream:
    @staticmethod
    def named(*pieces: str, sent: str = "") -> list[list[str]]:
        """What had been handed on after each piece."""
        found: list[str] = []
        reader = Reader(on_task_id=found.append, base_url=BASE, sent=sent)
        return [(reader.feed(piece.encode()), list(found))[1] for piece in pieces]

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (delta(reasoning_content=f"> 任务ID: `{TASK}`\n"), delta(reasoning_content="40%\n")),
            (delta(content=f"任务ID: {TASK} 已提交\n"), delta(content=f"[video]({LINK})")),
            (event({"task_id": TASK, "choices": []}), delta(content="40%")),
        ],
    )
    def test_is_handed_on_as_soon_as_it_is_read_and_once(self, first, second):
        assert self.named(first, second, "data: [DONE]\n\n") == [[TASK]] * 3

    def test_is_handed_on_only_when_it_is_whole(self):
        pieces = [delta(content=piece) for piece in ("任务ID: task_12", "345abc", " 已提交\n")]
        assert self.named(*pieces) == [[], [], ["task_12345abc"]]

    @pytest.mark.parametrize(
        "piece",
        [
            delta(content=f"![cover](https://cdn.example/{UUID}.jpg) "),
            delta(content=f"request id: {UUID} "),
            delta(content=json.dumps({"trace": UUID})),
            delta(content="40%\n"),
        ],
    )
    def test_is_nothing_else(self, piece):
        assert self.named(piece) == [[]]

    def test_that_we_sent_ourselves_is_an_echo(self):
        assert self.named(delta(content=f"remix of {TASK} \n"), sent=f"like {TASK}") == [[]]

    def test_of_a_plain_answer_comes_with_the_answer(self):
        assert self.named(plain(f"任务ID: {TASK}")) == [[]]


class TestAnError:
    def test_inside_http_200_is_read_with_the_innermost_code(self):
        vector = json.loads((VECTORS / "sora2api_sse_error_inside_200.json").read_text("utf-8"))
        answer = read(vector["response"]["text"])
        assert vector["expect"]["error_message_contains"] in answer.failure.message
        assert answer.failure.code == "heavy_load"
        assert (answer.link, answer.task_id) == (None, None)

    def test_with_a_documented_overload_code_and_before_anything_was_begun_is_a_refusal(self):
        snapshot = chat.snapshot_of(read(event({"error": {"message": "heavy", "code": "heavy_load"}})))
        assert snapshot.state is State.FAILED

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (json.dumps({"error": {"message": "no way"}}), "no way"),
            (json.dumps({"error": "no way"}), "no way"),
            (json.dumps({"status": "failed", "fail_reason": "no way"}), "no way"),
            (json.dumps({"status": "failed"}), "no reason"),
            (stream("❌ 生成失败: no way"), "no way"),
            (stream('{"error": {"message": "no way"}}'), "no way"),
            (delta(content="...") + '{"error": {"message": "no way"}}\n', "no way"),
            ("event: error\ndata: {\ndata: \"error\": \"no way\"}\n\n", "no way"),
        ],
    )  # fmt: skip
    def test_is_found_in_every_form(self, body, words):
        """And leaves it open what was begun: it is an error of whoever is behind the server."""
        with pytest.raises(SubmissionUnknown, match=words) as caught:
            chat.snapshot_of(read(body))
        assert caught.value.body  # what was said goes into the row

    def test_after_a_stream_has_reached_35_percent_leaves_it_open(self):
        body = delta(reasoning_content="Video progress: 35%\n") + event(
            {"error": {"message": "upstream says heavy_load", "code": "heavy_load"}}
        )
        with pytest.raises(SubmissionUnknown, match="heavy_load"):
            chat.snapshot_of(read(body))

    def test_of_a_review_ends_the_job_even_if_it_has_an_id(self):
        body = delta(reasoning_content=f"{TASK}\n") + event(
            {"error": {"message": "违规", "code": "moderation_blocked"}}
        )
        snapshot = chat.snapshot_of(read(body))
        assert snapshot.state is State.FAILED
        assert job_error_class(snapshot.failure) is ModerationRejected

    def test_of_the_answers_own_filter_is_a_review(self):
        failure = chat.snapshot_of(read(delta(finish_reason="content_filter"))).failure
        assert job_error_class(failure) is ModerationRejected

    @pytest.mark.parametrize(
        "words", ["Generation timeout after 1500 s", "upstream timed out", "连接超时", "504 Gateway"]
    )
    def test_of_a_server_that_lost_sight_of_the_job_leaves_it_open(self, words):
        with pytest.raises(SubmissionUnknown, match="lost sight"):
            chat.snapshot_of(read(event({"error": {"message": words}})))


class TestAnAnswerWithoutAResult:
    @pytest.mark.parametrize(
        "body",
        ["", stream(""), stream("working on it"), plain("hello"), plain(None), "[]", "null", "data: \n\n", "\0\xff"],
    )
    def test_leaves_it_open_whether_the_job_exists(self, body):
        with pytest.raises(SubmissionUnknown, match="no link and no task id"):
            chat.snapshot_of(read(body))

    def test_that_is_a_web_page_says_so(self):
        with pytest.raises(SubmissionUnknown, match="web page"):
            chat.snapshot_of(read("<!doctype html><html></html>", ended=True))

    def test_that_broke_off_says_so(self):
        with pytest.raises(SubmissionUnknown, match="broke off"):
            chat.snapshot_of(read(delta(reasoning_content="40%\n")))

    def test_of_a_server_that_makes_videos_only_in_streams_is_a_refusal(self):
        text = "All tokens available for video generation. Please enable streaming to use the generation feature."
        with pytest.raises(RequestRejected, match="enable streaming"):
            chat.snapshot_of(read(plain(text)))

    def test_never_breaks_the_reader_whatever_it_is(self):
        dice = random.Random(7)
        bodies = [stream(LINKS["json"]).encode(), plain(LINKS["markdown"]).encode(), TASKS["a number"][0].encode()]
        for _ in range(400):
            body = bytearray(dice.choice(bodies))
            for _ in range(dice.randrange(1, 12)):
                body[dice.randrange(len(body))] = dice.choice(b'{}[]":,\\\n<\xe4 0x')
            answer = read(bytes(body[: dice.randrange(len(body) + 1)]))
            assert answer.link is None or answer.link.startswith(("http", "data:video"))


class TestProgress:
    def test_is_told_line_by_line_and_once(self):
        told: list[str] = []
        body = "".join(
            [
                delta(reasoning_content="**Video Generation Progress**: 40% (running)\n"),
                delta(reasoning_content="**Video Generation Progress**: 40% (running)\n"),
                delta(reasoning_content="**Video Generation Progress**: 45% (running)\n"),
                delta(content="> 生成中 50%\n"),
                delta(content='```json\n{"prompt": "x"}\n'),
                delta(content=f"[here]({LINK})"),
            ]
        )
        read(body, tell=told.append)
        assert told == [
            "Video Generation Progress: 40% (running)",
            "Video Generation Progress: 45% (running)",
            "生成中 50%",
        ]

    def test_has_no_secret_in_it_and_is_short(self):
        told: list[str] = []
        body = delta(reasoning_content="x" * 900 + " token-1234 Bearer abc\n")
        Secret("token-1234")
        answer = read(body + delta(content="token-1234"), tell=told.append)
        assert all(len(note) <= 200 for note in told)
        assert "token-1234" not in answer.text + str(told)


class Line:
    """In the place of a connection: gives chunks, then ends, or breaks as the transport says that it did."""

    def __init__(self, *chunks: str, breaks: bool = False, headers: dict[str, str] | None = None) -> None:
        self.chunks, self.breaks, self.headers, self.calls = chunks, breaks, headers or {}, 0

    async def send(self, call: Call, *, on_sent: Any, on_refused: Any, on_chunk: Any) -> Reply:
        self.calls += 1
        await on_sent()
        for chunk in self.chunks:
            on_chunk(chunk.encode())
        if self.breaks:
            raise SubmissionUnknown("lost") from NetworkError("reset")
        return Reply(200, self.headers, "".join(self.chunks).encode(), BASE)


async def converse(line: Line) -> Answer:
    call = Call("POST", "/chat/completions", Effect.CHARGE, json={})
    return await chat.converse(line, call, Attempt("key", unmarked), Reader(base_url=BASE))


class TestABrokenConnection:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            (delta(reasoning_content=f"{TASK}\n"), "task_id"),
            (delta(content=f"<video src='{LINK}'>"), "link"),
            (event({"error": {"message": "no"}}), "failure"),
            (f'data: {{"choices":[{{"delta":{{"content":"任务 {TASK} 已', "task_id"),
            (
                'data: {"choices":[{"delta":{"content":"'
                r"\u003cvideo src='https://cdn.example/v/a.mp4?sig=a%2Bb\u0026se=1'",
                "link",
            ),
        ],
    )
    async def test_is_no_loss_of_what_had_arrived(self, text, found):
        line = Line(text, breaks=True)
        answer = await converse(line)
        assert getattr(answer, found) in (TASK, LINK, Failure("no"))
        assert not answer.complete
        assert line.calls == 1

    async def test_leaves_it_open_when_nothing_had_arrived(self):
        line = Line(delta(reasoning_content="40%\n"), breaks=True)
        with pytest.raises(SubmissionUnknown):
            await converse(line)
        assert line.calls == 1

    async def test_at_the_end_of_a_measured_answer_is_none(self):
        text = delta(content=LINK)
        assert (await converse(Line(text))).link is None  # the link may go on behind the end
        assert (await converse(Line(text, headers={"content-length": "9"}))).link == LINK


def test_messages_are_a_text_or_parts_with_images():
    image = Upload(b"png", "image/png", "a.png")
    assert chat.messages("x") == [{"role": "user", "content": "x"}]
    assert chat.messages("x", ["https://a.example/i.png", chat.data_uri(image)]) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image_url", "image_url": {"url": "https://a.example/i.png"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
            ],
        }
    ]


def test_a_long_prose_is_read_in_reasonable_time():
    text = "line of prose 123\n" * 20_000
    assert prose.link_in(text, base_url=BASE, sent="", ended=True) is None
    assert prose.task_in(text, sent="", ended=True) is None
    assert prose.failure_in(text) is None
