"""The SkyRiff protocol as servers deviate from it, each below ``/skyriff~NAME``: videos, and the chat form."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from ...models import State
from ..books import BookedJob, JobProgress
from ..core import Incoming
from ..wire import _tasks as tasks
from ..wire._completions import Stream
from ..wire.skyriff import ID_PREFIX, SkyRiffWire


class NoUrl(SkyRiffWire):
    """Succeeds without a link; ``/content`` has the bytes."""

    dialect = "no-url"
    links = False


class At100(SkyRiffWire):
    """Says 100 % long before the end, and when a job failed."""

    dialect = "at-100"

    def _percent(self, progress: JobProgress) -> int:
        return progress.percent if progress.state is State.QUEUED else 100


class Json(SkyRiffWire):
    """Answers a chat with JSON in the text."""

    dialect = "json"

    def _result(self, call: Incoming, job: BookedJob) -> str:
        return json.dumps({"type": "video", "url": tasks.link(call, self.mounts[0], job)})


class Markdown(SkyRiffWire):
    """Talks in the content, and ends with a markdown link."""

    dialect = "markdown"
    tells_task = True

    def _voice(self, stream: Stream) -> Callable[[str], Awaitable[None]]:
        return stream.say

    def _result(self, call: Incoming, job: BookedJob) -> str:
        url = tasks.link(call, self.mounts[0], job)
        return f"✅ 视频生成成功，[点击这里]({url}) 预览 ![封面](https://preview.invalid/cover.jpg)\n"


class Task(SkyRiffWire):
    """Answers a chat with a task id at once."""

    dialect = "task"
    waits = False

    def _result(self, call: Incoming, job: BookedJob) -> str:
        return f"任务已提交，任务ID: {ID_PREFIX}{tasks.task_id(job)}"


class Cut(SkyRiffWire):
    """Names the task and breaks off."""

    dialect = "cut"
    tells_task = True
    breaks_off = True


class Mute(SkyRiffWire):
    """Breaks off, and has named nothing."""

    dialect = "mute"
    breaks_off = True


class Shy(SkyRiffWire):
    """Talks only in streams."""

    dialect = "shy"

    def _declines(self, streams: bool) -> str | None:
        if streams:
            return None
        return "All tokens available for video generation. Please enable streaming to use the generation feature."
