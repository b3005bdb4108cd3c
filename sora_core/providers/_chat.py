"""The chat form of making a video: `POST /v1/chat/completions`, answered at once or streamed for minutes.

What such an answer holds is found by reading it: a link (a video tag, a markdown link, a bare address,
JSON in the text, `links.mp4`), a task id, an error inside HTTP 200, and prose about the progress.
Reading is pure and tolerant; a `Reader` is fed bytes as they arrive, so that what came before a broken
connection is not lost.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ModerationRejected, RequestRejected, SubmissionUnknown
from ..models import Failure, Secret, Snapshot, State, Upload
from ..transport import Call, Http
from ..transport.redact import redact
from ._answers import normalize, prose
from ._base import Attempt

ANSWER_SECONDS = 1800.0  # between bytes: plain answers, and silent streams, come when the video is done

_LONGEST_NOTE = 200  # characters
_LONGEST_QUOTE = 4000  # bytes
_LONGEST_TEXT = 100_000  # characters
_MOST_NOTES = 50  # that one chunk can bring
_LONGEST_PROSE = 20_000  # content beyond it is no prose
_ONLY_STREAMED = re.compile(r"enable streaming|use stream|stream\s*[=:]\s*true", re.IGNORECASE)
# Words of a server that has lost sight of the job rather than seen it fail.
_LOST_SIGHT = re.compile(r"time[d]?[ -]?out|超时|connection|连接|unexpected eof|\b50[24]\b|bad gateway", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """What a chat answer held. ``complete`` is False when it broke off; ``text`` is its whole content.

    ``began``: something was said before it failed. ``raw`` is the end of it as it came, without secrets.
    """

    link: str | None = field(default=None, repr=False)  # it may be signed
    task_id: str | None = None
    failure: Failure | None = None
    subject: str = ""  # what the link shows: a post, a draft
    text: str = field(default="", repr=False)
    complete: bool = False
    is_html: bool = False
    began: bool = False
    said: Mapping[str, Any] | None = None  # what stands beside the link of a result
    raw: str = field(default="", repr=False, compare=False)


class Reader:
    """Reads one answer, fed in chunks of any size.

    ``tell`` gets the progress in the server's words, ``on_task_id`` the job's id as soon as it is whole.
    ``sent`` is the text of our own request: a link or an id that stands in it is an echo, not an answer.
    ``base_url`` is what relative links are joined to, ``rendition`` which of several links of a result counts.
    Reading takes time in proportion to the answer.
    """

    def __init__(
        self,
        tell: Callable[[str], None] = lambda text: None,
        on_task_id: Callable[[str], None] = lambda task_id: None,
        *,
        sent: str = "",
        base_url: str = "",
        rendition: str = "mp4",
    ) -> None:
        self._rendition = rendition
        self._tell = tell
        self._on_task_id = on_task_id
        self._named = ""  # the id that on_task_id got
        self._sent = sent
        self._base_url = base_url
        self._raw = bytearray()
        self._line = bytearray()
        self._data: list[str] = []  # lines of one event that is not yet whole
        self._streamed = False
        self._ended = False
        self._read = False  # the whole of a plain answer
        self._scrap = ""  # JSON that broke off
        self._said = io.StringIO()  # the content
        self._thought = io.StringIO()  # prose beside it
        self._told = ""
        self._notes: deque[str] = deque(maxlen=_MOST_NOTES)  # of one chunk, still to be told
        self._link: str | None = None
        self._task_id: str | None = None
        self._failure: Failure | None = None
        self._subject = ""
        self._facts: Mapping[str, Any] | None = None

    def feed(self, chunk: bytes) -> None:
        self._raw += chunk
        self._line += chunk
        if b"\n" not in chunk:
            return
        *lines, rest = self._line.split(b"\n")
        self._line = bytearray(rest)
        for line in lines:
            self._take_line(line.decode("utf-8-sig", "replace").strip("\r"))
        if self._streamed:
            self._name_task()
            self._tell_notes()

    @property
    def _content(self) -> str:
        return self._said.getvalue()

    @property
    def _prose(self) -> str:
        return self._thought.getvalue()

    def _name_task(self) -> None:
        """Hands the job's id on while the answer is still coming."""
        texts = [each.getvalue() for each in (self._said, self._thought) if each.tell() < _LONGEST_PROSE]
        # JSON in the text is read when it is whole: its parts may name other things
        texts = [text for text in texts if not text.lstrip().startswith(("{", "```"))]
        found = self._task_id or next(
            filter(None, (prose.task_in(text, sent=self._sent, ended=False) for text in texts)), None
        )
        if found and found != self._named:
            self._named = found
            self._on_task_id(found)

    def end(self) -> None:
        """The server's last byte has arrived, by the rules of HTTP."""
        self._ended = True

    def answer(self) -> Answer:
        """What has arrived so far, whether or not the answer has ended."""
        self._read_rest()
        self._tell_notes()
        content, thought = self._content, self._prose
        failure = self._failure or prose.failure_in(content)
        return Answer(
            link=self._link or self._link_in(content) or self._link_in(self._scrap),
            task_id=self._task_id
            or prose.task_in(content, sent=self._sent, ended=self._ended)
            or prose.task_in(thought, sent=self._sent, ended=self._ended or bool(content))
            or prose.task_in_scrap(self._scrap, sent=self._sent),
            failure=failure and Failure(self._clean(failure.message), failure.code),
            subject=self._subject,
            text=self._clean(content[:_LONGEST_TEXT]),
            complete=self._ended,
            is_html=not self._streamed and normalize.is_html(bytes(self._raw)),
            began=bool(content.strip() or thought.strip()),
            said=self._facts,
            raw=self._clean(bytes(self._raw[-_LONGEST_QUOTE:]).decode("utf-8", "replace")),
        )

    def _link_in(self, text: str) -> str | None:
        ended = self._ended and not self._failure and not self._task_id
        return prose.link_in(text, base_url=self._base_url, sent=self._sent, ended=ended)

    def _read_rest(self) -> None:
        """A last line without its end, or the whole of an answer that was no stream."""
        if self._read:
            return
        self._read = True
        if self._line:
            self._take_line(self._line.decode("utf-8-sig", "replace").strip("\r"))
        if self._streamed:
            scrap = "\n".join(self._data)
            self._scrap = "" if self._take_event(scrap) else prose.unescaped(scrap)
            return
        body = bytes(self._raw)
        value = normalize.parse(body)
        if isinstance(value, dict):
            self._ended = True
            self._take_object(value)
        elif body.lstrip().startswith(b"{"):
            self._scrap = prose.unescaped(body.decode("utf-8-sig", "replace"))

    def _take_line(self, line: str) -> None:
        name, colon, value = line.partition(":")
        if colon and name == "data":
            self._streamed = True
            value = value.removeprefix(" ")
            if value.strip() == "[DONE]":
                self._ended = True
            elif not self._take_event(value):
                self._data.append(value)  # JSON may be spread over several data lines
        elif not line.strip():
            self._take_data()
        elif self._streamed and line.startswith("{"):
            self._take_event(line)  # an error in the middle of a stream, without "data:"

    def _take_data(self) -> None:
        if len(self._data) > 1:
            self._take_event("\n".join(self._data))
        self._data.clear()

    def _take_event(self, text: str) -> bool:
        value = normalize.parse(text.encode("utf-8", "replace"))
        if isinstance(value, dict):
            self._take_object(value)
        return isinstance(value, dict)

    def _take_object(self, value: Mapping[str, Any]) -> None:
        """One chunk of a stream, or a whole plain answer."""
        choices = value.get("choices")
        choices = choices if isinstance(choices, list) else []
        self._take_ids(value, has_choices=bool(choices))
        for choice in choices:
            if isinstance(choice, dict):
                self._take_choice(choice)
        if value.get("error"):
            self._failure = self._failure or normalize.job_failure(dict(value)) or prose.NO_REASON
        elif not choices:
            state, _ = normalize.state_of(value)
            if state is State.FAILED:
                self._failure = normalize.job_failure(dict(value)) or prose.NO_REASON
            elif state in (State.SUCCEEDED, None):
                link = normalize.url_of(prose.without_input(value), self._base_url, state)
                self._link = self._link or self._own(link)

    def _take_ids(self, value: Mapping[str, Any], *, has_choices: bool) -> None:
        links = value.get("links")
        if isinstance(links, dict):
            wanted = {"url": links.get(self._rendition)}
            self._link = self._own(normalize.url_of(wanted, self._base_url, None)) or self._link
            self._subject = normalize.text_of(value.get("post_id")) or normalize.text_of(links.get("id")) or ""
            self._facts = normalize.said_of(value)
        for key in ("task_id", "data.task_id", "video_id", "id", "data.id"):
            found = normalize.text_of(normalize.dig(value, key))
            if not found or self._task_id or found in self._sent:
                continue
            # The id of a completion is the talk's, not the job's, unless it looks like a job's.
            is_talk = found.startswith("chatcmpl") or has_choices or isinstance(links, dict) or value.get("error")
            if key in ("id", "data.id") and is_talk and not prose.is_task_id(found):
                continue
            self._task_id = found

    def _take_choice(self, choice: Mapping[str, Any]) -> None:
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self._ended = True
            if reason.lower() == "content_filter":
                self._failure = Failure("The server's moderation stopped the answer.", code=reason)
        for name in ("delta", "message"):
            part = choice.get(name)
            if isinstance(part, dict):
                self._take_message(part)
        if isinstance(choice.get("text"), str):
            self._said.write(choice["text"])

    def _take_message(self, message: Mapping[str, Any]) -> None:
        reasoning = message.get("reasoning_content") or message.get("reasoning")
        if isinstance(reasoning, str):
            self._note(self._thought, reasoning)
        for text, link in _pieces(message.get("content")):
            self._link = self._link or self._own(link)
            self._note(self._said, text)

    def _note(self, so_far: io.StringIO, more: str) -> None:
        """Writes on, and keeps the last line of the prose to be told."""
        so_far.write(more)
        if not more or so_far.tell() >= _LONGEST_PROSE:
            return
        so_far.seek(max(so_far.tell() - 4 * _LONGEST_NOTE, 0))
        self._notes.append(so_far.read().rstrip().rsplit("\n", 1)[-1].lstrip("> "))

    def _tell_notes(self) -> None:
        """Each once, unless it is markup, JSON or a link."""
        while self._notes:
            line = self._notes.popleft()
            if line.startswith(("{", "}", "<", '"', "```")) or prose.has_link(line):
                continue
            note = " ".join(self._clean(line).replace("*", "").split())[-_LONGEST_NOTE:]
            if note and note != self._told:
                self._told = note
                self._tell(note)

    def _own(self, link: str | None) -> str | None:
        return None if not link or link in self._sent else link

    def _clean(self, text: str) -> str:
        return redact(text)


def _pieces(content: Any) -> Iterator[tuple[str, str | None]]:
    """(text, link) of a message's content, which is text or a list of parts."""
    if isinstance(content, str):
        yield content, None
    for part in content if isinstance(content, list) else ():
        if isinstance(part, str):
            yield part, None
        elif isinstance(part, dict):
            text = part.get("text")
            video = part.get("video_url") if isinstance(part.get("video_url"), dict) else part
            is_video = "video" in str(part.get("type", ""))
            yield text if isinstance(text, str) else "", normalize.url_of(video, "", None) if is_video else None


def snapshot_of(answer: Answer) -> Snapshot:
    """The job that the answer is about.

    Raises RequestRejected when the server says that it makes nothing this way, SubmissionUnknown when it
    may have made something that the answer does not name.
    """
    if answer.link and answer.link.startswith("data:"):
        media = _data_of(answer.link)
        if media:
            return Snapshot(State.SUCCEEDED, remote_id=answer.task_id or "", progress=100.0, media=media)
    elif answer.link:
        remote_id = answer.task_id or answer.subject
        return Snapshot(State.SUCCEEDED, remote_id, progress=100.0, url=answer.link, said=answer.said)
    if answer.failure and _is_refusal(answer.failure, began=answer.began):
        return Snapshot(State.FAILED, remote_id=answer.task_id or "", failure=answer.failure)
    if answer.task_id:
        return Snapshot(State.QUEUED, remote_id=answer.task_id)
    if answer.failure:
        raise _open("submit.lost_sight", answer, error=answer.failure.message)
    if _ONLY_STREAMED.search(answer.text):
        raise RequestRejected("submit.only_streamed", said=answer.text[:200])
    said = answer.text[:200].strip()
    if answer.is_html:
        raise _open("submit.chat_page", answer)
    raise _open("submit.chat_silent" if answer.complete else "submit.chat_cut", answer, said=said or "nothing")


def _is_refusal(failure: Failure, *, began: bool) -> bool:
    """Whether the server itself said no. An error of whoever is behind it says nothing about what it has begun."""
    if _LOST_SIGHT.search(failure.message):
        return False
    kind = normalize.job_error_class(failure)
    is_busy = normalize.is_overload_code(failure.code)
    return kind is ModerationRejected or (not began and (kind is not None or is_busy))


def _open(text: str, answer: Answer, *, error: str = "", said: str = "") -> SubmissionUnknown:
    code = answer.failure.code if answer.failure else None
    lost = SubmissionUnknown(text, code=code, error=error, said=said)
    lost.status, lost.body = 200, answer.raw.encode("utf-8", "replace")
    return lost


def _data_of(link: str) -> bytes:
    try:
        return base64.b64decode(link.partition(",")[2], validate=True)
    except binascii.Error:
        return b""


async def converse(http: Http, call: Call, attempt: Attempt, reader: Reader) -> Answer:
    """Sends the one call that charges and reads its answer as it comes.

    When the connection breaks and a link, a task id or an error had arrived, that is the answer; else
    SubmissionUnknown. Raises the error tree.
    """
    try:
        reply = await http.send(
            attempt.marked(call), on_sent=attempt.on_sent, on_refused=attempt.on_refused, on_chunk=reader.feed
        )
    except SubmissionUnknown:
        answer = reader.answer()
        if answer.link or answer.task_id or answer.failure:
            return answer
        raise
    if {"content-length", "transfer-encoding"} & set(reply.headers):
        reader.end()  # else a closed connection is the only end that there is, and proves nothing
    return reader.answer()


def messages(text: str | Secret, images: Collection[str] = ()) -> list[dict[str, Any]]:
    """One user message. ``images`` are addresses or data URIs."""
    if not images:
        return [{"role": "user", "content": text}]
    pictures = [{"type": "image_url", "image_url": {"url": image}} for image in images]
    return [{"role": "user", "content": [{"type": "text", "text": text}, *pictures]}]


def data_uri(image: Upload) -> str:
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"
