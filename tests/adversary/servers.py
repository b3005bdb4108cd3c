"""One server for each protocol, written from the protocol's document: the honest way of every call.

A case sets rules on top: ``server.on("create", rule)``, where a rule gets the request and a function that does the
honest thing (and books it), and says what is answered.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from adversary.books import Books, Charge, wire_of
from adversary.clip import clip
from adversary.pace import Pace
from adversary.wire import Answer, Listener, Request

Rule = Callable[[Request, Callable[[], Answer]], Answer]
_FOREVER = 10**9


class Server:
    """``polls``: how often a job is asked for before it is done. ``accounts``: by key; empty: any key is one of its own
    account. ``held``: nothing finishes while it is set."""

    provider = ""
    dialect = ""
    lists = False
    seconds, size = "10", "1280x720"
    model = "sora-2"
    settings: Mapping[str, Any] = {}  # what a profile needs beyond the address

    def __init__(self, pace: Pace, *, polls: int = 1) -> None:
        self.pace = pace
        self.books = Books()
        self.polls = polls
        self.held = False
        self.skew = 0.0  # seconds by which this server's clock is ahead
        self.ids: Callable[[], str] = lambda: f"video_{uuid.uuid4().hex}"
        self._rules: dict[str, list[list[Any]]] = {}
        self._listener = Listener(self._answer)
        self.url = self._listener.url

    def close(self) -> None:
        self._listener.close()

    def reopen(self) -> None:
        """At the same address, with the same books."""
        self._listener = Listener(self._answer, self._listener.port)

    # rules

    def on(self, call: str, rule: Rule | Answer, times: int = _FOREVER, *, charged: bool = True) -> None:
        """For ``call`` (create, fetch, list, content, delete, any, ...). An Answer as a rule goes out instead of the
        honest one; ``charged`` says whether the honest thing was done first."""
        if isinstance(rule, Answer):
            out = rule

            def rule(_: Request, honest: Callable[[], Answer]) -> Answer:
                if charged:
                    honest()
                return out

        self._rules.setdefault(call, []).append([times, rule])

    def honest(self, *calls: str) -> None:
        """The rules for these calls end; without names, all."""
        for call in calls or (*self._rules,):
            self._rules.pop(call, None)

    def _rule(self, call: str) -> Rule | None:
        with self.books.lock:
            for name in (call, "any"):
                for entry in self._rules.get(name, ()):
                    if entry[0] > 0:
                        entry[0] -= 1
                        rule: Rule = entry[1]
                        return rule
        return None

    def _answer(self, request: Request) -> Answer:
        with self.books.lock:
            self.books.seen.append((request.method, request.path, request.key))
        call, honest = self.route(request)
        if request.method == "POST" and call in ("create", "enhance", "character"):
            with self.books.lock:
                self.books.keys.append(request.headers.get("idempotency-key"))
        rule = self._rule(call)
        return rule(request, honest) if rule else honest()

    # the honest way

    def route(self, request: Request) -> tuple[str, Callable[[], Answer]]:
        raise NotImplementedError

    def take(self, request: Request, *, order: str | None = None, own: bool = True) -> Charge:
        fields = request.fields
        charge = Charge(
            id=self.ids(),
            order=self.prompt(fields) if order is None else order,
            wire=wire_of(request.path, fields),
            account=request.key,
            at=self.now(),
            fields=fields,
            idempotency=request.headers.get("idempotency-key"),
            path=request.path,
            own=own,
        )
        with self.books.lock:
            self.books.rows.append(charge)
        return charge

    def make(self, order: str, *, own: bool = False, account: str = "", ago: float = 0.0, **fields: Any) -> Charge:
        """A job that the client under test did not send: a stranger's, or one of another program."""
        filled = {"prompt": order, "model": self.model, "seconds": self.seconds, "size": self.size, **fields}
        charge = Charge(self.ids(), order, "", account, self.now() - ago, filled, None, "", "done", own=own)
        with self.books.lock:
            self.books.rows.append(charge)
        return charge

    def prompt(self, fields: dict[str, Any]) -> str:
        if "messages" in fields:
            content = fields["messages"][-1]["content"]
            if isinstance(content, list):
                content = " ".join(part.get("text", "") for part in content)
            return str(content)
        return str(fields.get("prompt", ""))

    def now(self) -> float:
        return self.pace.now() + self.skew

    def look(self, name: str, key: str) -> Charge | None:
        """The job of that id, one poll further; none if it is gone or another account's."""
        with self.books.lock:
            charge = self.books.find(name)
            if charge is None or charge.state == "gone" or (charge.account and charge.account != key):
                return None
            charge.polls += 1
            if charge.state == "running" and charge.polls > self.polls and not self.held:
                charge.state = "done"
            return charge

    def video(self, name: str, key: str) -> Answer:
        charge = self.look(name, key)
        if charge is None or charge.state != "done":
            return self.missing(name)
        return Answer(200, clip(charge.film), {"Content-Type": "video/mp4"})

    def missing(self, name: str) -> Answer:
        return Answer(404, {"error": {"message": f"Video {name} not found", "type": "invalid_request_error"}})

    def nothing_here(self) -> Answer:
        return Answer(404, {"error": {"message": "Not Found", "type": "invalid_request_error"}})


class OpenAI(Server):
    """`/v1/videos` as OpenAI documented it, with `has_more` lists, deletion, remix and characters."""

    provider = "openai"
    lists = True
    seconds, size = "4", "1280x720"

    def route(self, request: Request) -> tuple[str, Callable[[], Answer]]:
        parts = request.path.strip("/").split("/")
        if parts[:1] == ["v1"]:
            parts = parts[1:]
        match request.method, parts:
            case "POST", ["videos"]:
                return "create", lambda: Answer(200, self.shown(self.take(request)))
            case "POST", ["videos", "characters"]:
                return "character", lambda: self.character(request)
            case "POST", ["videos", _, "remix"]:
                return "create", lambda: Answer(200, self.shown(self.take(request)))
            case "POST", ["chat", "completions"]:
                return "enhance", lambda: self.text(request)
            case "POST", ["images", "generations"]:
                return "image", lambda: self.picture(request)
            case "GET", ["videos"]:
                return "list", lambda: Answer(200, self.page(request))
            case "GET", ["videos", name]:
                return "fetch", lambda: self.fetch(name, request.key)
            case "GET", ["videos", name, "content"]:
                return "content", lambda: self.video(name, request.key)
            case "DELETE", ["videos", name]:
                return "delete", lambda: self.delete(name, request.key)
            case "GET", ["models"]:
                return "models", lambda: Answer(200, {"object": "list", "data": [{"id": self.model}]})
        return "other", self.nothing_here

    def fetch(self, name: str, key: str) -> Answer:
        charge = self.look(name, key)
        return Answer(200, self.shown(charge)) if charge else self.missing(name)

    def shown(self, charge: Charge) -> dict[str, Any]:
        state = {"running": "in_progress", "done": "completed", "failed": "failed"}[charge.state]
        return {
            "id": charge.id,
            "object": "video",
            "model": charge.fields.get("model") or self.model,
            "status": state,
            "progress": 100 if state == "completed" else 10,
            "created_at": int(charge.at),
            "completed_at": int(charge.at) + 1 if state == "completed" else None,
            "prompt": charge.fields.get("prompt", ""),
            "seconds": str(charge.fields.get("seconds") or self.seconds),
            "size": charge.fields.get("size") or self.size,
            "error": {"code": "server_error", "message": "The GPU fell over."} if state == "failed" else None,
        }

    def listed(self, key: str) -> list[dict[str, Any]]:
        """Newest first, of that account."""
        with self.books.lock:
            rows = [row for row in self.books.rows if row.state != "gone" and row.account in ("", key)]
        return [self.shown(row) for row in sorted(rows, key=lambda row: -row.at)]

    def page(self, request: Request) -> dict[str, Any]:
        items = self.listed(request.key)
        if request.query.get("order") == "asc":
            items = items[::-1]
        return _page(items, request)

    def delete(self, name: str, key: str) -> Answer:
        charge = self.look(name, key)
        if charge is None:
            return self.missing(name)
        charge.state = "gone"
        return Answer(200, {"id": name, "deleted": True, "object": "video.deleted"})

    def character(self, request: Request) -> Answer:
        charge = self.take(request, order=str(request.fields.get("name")))
        return Answer(200, {"id": charge.id, "created_at": int(charge.at), "name": charge.order})

    def text(self, request: Request) -> Answer:
        charge = self.take(request)
        message = {"role": "assistant", "content": f"Written out as {charge.id}."}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return Answer(200, {"id": charge.id, "object": "chat.completion", "model": self.model, "choices": [choice]})

    def picture(self, request: Request) -> Answer:
        self.take(request)
        return Answer(200, {"created": int(self.now()), "data": [{"b64_json": _PIXEL}]})


def _page(items: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    """As the document has it: cursor = last id, `has_more`."""
    limit = int(request.query.get("limit") or 20)
    if after := request.query.get("after"):
        ids = [item["id"] for item in items]
        items = items[ids.index(after) + 1 :] if after in ids else []
    data = items[:limit]
    return {
        "object": "list",
        "data": data,
        "has_more": len(items) > limit,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }


class Apiyi(Server):
    """Seed 001: multipart, raw key, results behind its own `/content`, no list."""

    provider = "apiyi"

    def route(self, request: Request) -> tuple[str, Callable[[], Answer]]:
        parts = request.path.strip("/").removeprefix("v1/").split("/")
        match request.method, parts:
            case "POST", ["videos"]:
                return "create", lambda: Answer(200, self.shown(self.take(request)))
            case "GET", ["videos", name]:
                return "fetch", lambda: self.fetch(name, request.key)
            case "GET", ["videos", name, "content"]:
                return "content", lambda: self.video(name, request.key)
        return "other", self.nothing_here

    def fetch(self, name: str, key: str) -> Answer:
        charge = self.look(name, key)
        return Answer(200, self.shown(charge)) if charge else self.missing(name)

    def shown(self, charge: Charge) -> dict[str, Any]:
        state = {"running": "in_progress", "done": "completed", "failed": "failed"}[charge.state]
        shown = {"id": charge.id, "status": state if charge.polls else "submitted", "progress": charge.polls}
        if state == "failed":
            return {**shown, "error": "Content policy violation", "created_at": int(charge.at)}
        shown.update({name: charge.fields.get(name) for name in ("prompt", "model", "size", "seconds")})
        done = state == "completed"
        link = f"{self.url}/v1/videos/{charge.id}/content" if done else None
        return {**shown, "created_at": int(charge.at), "url": link, "completed_at": int(charge.at) if done else None}

    def missing(self, name: str) -> Answer:
        return Answer(404, {"error": {"code": "not_found", "message": f"no such video {name}"}})


class Skyriff(Server):
    """Seed 000: JSON or multipart, everything in the model's name, links to files, a chat form."""

    provider = "skyriff"

    def route(self, request: Request) -> tuple[str, Callable[[], Answer]]:
        parts = request.path.strip("/").removeprefix("v1/").split("/")
        match request.method, parts:
            case "POST", ["videos"]:
                return "create", lambda: Answer(200, self.shown(self.take(request)))
            case "POST", ["chat", "completions"]:
                return "create", lambda: self.chat(request)
            case "GET", ["videos", name]:
                return "fetch", lambda: self.fetch(name, request.key)
            case "GET", ["videos", name, "content"] | ["files", name]:
                return "content", lambda: self.video(name.removesuffix(".mp4"), self.owner(name))
        return "other", self.nothing_here

    def owner(self, name: str) -> str:
        """A link needs no key."""
        charge = self.books.find(name.removesuffix(".mp4"))
        return charge.account if charge else ""

    def fetch(self, name: str, key: str) -> Answer:
        charge = self.look(name, key)
        return Answer(200, self.shown(charge)) if charge else self.missing(name)

    def link(self, charge: Charge) -> str:
        return f"{self.url}/files/{charge.id}.mp4"

    def shown(self, charge: Charge) -> dict[str, Any]:
        state = {"running": "processing", "done": "success", "failed": "failed"}[charge.state]
        done = state == "success"
        return {
            "id": charge.id,
            "size": self.size,
            "model": charge.fields.get("model"),
            "object": "video.generation",
            "status": state if charge.polls else "pending",
            "progress": 100 if done else 45,
            "video_url": self.link(charge) if done else None,
            "created_at": int(charge.at),
            "completed_at": int(charge.at) + 1 if done else None,
        }

    def chat(self, request: Request) -> Answer:
        charge = self.take(request)
        charge.state = "done"
        if charge.fields.get("model") in ("sora_url", "sora-drafts-url"):
            links = {"mp4": self.link(charge), "id": charge.id, "text": "a clip"}
            message = {"role": "assistant", "content": "视频解析成功"}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            return Answer(200, {"id": "chatcmpl-1", "choices": [choice], "links": links, "post_id": charge.id})
        head = [{"delta": {"role": "assistant", "reasoning_content": f"Task {charge.id}, progress 35%\n"}}]
        tail = [{"delta": {"content": f"```html\n<video src='{self.link(charge)}' controls></video>\n```"}}]
        return Answer(200, sse(charge.id, [*head, *tail]), {"Content-Type": "text/event-stream"}, chunked=True)


def sse(name: str, choices: list[dict[str, Any]], *, done: bool = True, error: dict[str, Any] | None = None) -> bytes:
    """A chat stream."""
    events: list[Any] = [
        {
            "id": f"chatcmpl-{name}",
            "object": "chat.completion.chunk",
            "model": "sora-2",
            "choices": [{"index": 0, **one}],
        }
        for one in choices
    ]
    if error:
        events.append({"error": error})
    text = "".join(f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events)
    return (text + ("data: [DONE]\n\n" if done else "")).encode()


class Shenma(Server):
    """Seed 002: `/v2/videos/generations`, JSON as text/plain, upper-case states."""

    provider = "shenma"

    def route(self, request: Request) -> tuple[str, Callable[[], Answer]]:
        parts = request.path.strip("/").split("/")
        match request.method, parts:
            case "POST", ["v2", "videos", "generations"]:
                return "create", lambda: self.created(self.take(request))
            case "POST", ["v1", "videos", _, "remix"]:
                return "create", lambda: self.created(self.take(request))
            case "GET", ["v2", "videos", "generations", name]:
                return "fetch", lambda: self.fetch(name, request.key)
            case "GET", ["files", name]:
                return "content", lambda: self.video(name.removesuffix(".mp4"), self.owner(name))
            case "POST", ["sora", "v1", "characters"]:
                return "character", lambda: self.character(request)
            case "GET", ["v1", "token", "quota"]:
                return "quota", lambda: Answer(200, {"total_quota": 9e6, "used_quota": 0, "remaining_quota": 9e6})
        return "other", self.nothing_here

    owner = Skyriff.owner

    def created(self, charge: Charge) -> Answer:
        said = {"task_id": charge.id, "status": "NOT_START", "progress": 0, "created_at": int(charge.at)}
        return Answer(200, said, {"Content-Type": "text/plain"})

    def fetch(self, name: str, key: str) -> Answer:
        charge = self.look(name, key)
        if charge is None:
            return self.missing(name)
        state = {"running": "IN_PROGRESS", "done": "SUCCESS", "failed": "FAILURE"}[charge.state]
        said = {
            "task_id": name,
            "status": state,
            "progress": 100 if state == "SUCCESS" else 45,
            "created_at": int(charge.at),
            "model": charge.fields.get("model"),
            "duration": charge.fields.get("duration"),
            "video_url": f"{self.url}/files/{name}.mp4" if state == "SUCCESS" else None,
        }
        if state == "FAILURE":
            said["error"] = {"code": "result_review_failed", "message": "生成结果未通过审查"}
        return Answer(200, said, {"Content-Type": "text/plain"})

    def character(self, request: Request) -> Answer:
        charge = self.take(request, order=str(request.fields.get("url")))
        return Answer(
            200, {"id": f"ch_{charge.id}", "username": f"user{charge.id[-6:]}", "permalink": "https://x.example/c"}
        )


class NewApi(Server):
    """Seed 003: the native form; an unknown task is a 200 that says so."""

    provider = "newapi"

    def route(self, request: Request) -> tuple[str, Callable[[], Answer]]:
        parts = request.path.strip("/").removeprefix("v1/").split("/")
        match request.method, parts:
            case "POST", ["videos", "generations"]:
                return "create", lambda: Answer(200, {"id": self.take(request).id})
            case "POST", ["videos", _, "remix"]:
                return "create", lambda: Answer(200, {"id": self.take(request).id})
            case "POST", ["chat", "completions"]:
                return "create", lambda: self.chat(request)
            case "POST", ["characters"]:
                return "character", lambda: Answer(200, {"id": self.take(request).id})
            case "GET", ["videos", "tasks", name]:
                return "fetch", lambda: self.fetch(name, request.key)
            case "GET", ["files", name]:
                return "content", lambda: self.video(name.removesuffix(".mp4"), self.owner(name))
        return "other", self.nothing_here

    owner = Skyriff.owner

    def fetch(self, name: str, key: str) -> Answer:
        charge = self.look(name, key)
        if charge is None:
            return self.missing(name)
        state = {"running": "running", "done": "succeeded", "failed": "failed"}[charge.state]
        videos = [{"url": f"{self.url}/files/{name}.mp4"}]
        data = {"videos": videos} if state == "succeeded" else None
        return Answer(200, {"id": name, "state": state, "data": data, "progress": 100 if data else 30})

    def missing(self, name: str) -> Answer:
        return Answer(200, {"id": name, "state": "error", "data": None, "message": "task not found"})

    def chat(self, request: Request) -> Answer:
        """ "返回包含 任务ID 的 JSON": the document says no more."""
        charge = self.take(request)
        return Answer(200, {"code": 200, "message": "ok", "data": {"任务ID": charge.id}})


class SoraWeb(Server):
    """Seed 004: create with a sentinel token, then pending and drafts."""

    provider = "sora_web"
    lists = True

    def route(self, request: Request) -> tuple[str, Callable[[], Answer]]:
        match request.method, request.path.removeprefix("/backend"):
            case "POST", "/nf/create" | "/nf/create/storyboard":
                return "create", lambda: Answer(200, {"id": self.take(request).id})
            case "GET", "/nf/pending/v2":
                return "list", lambda: Answer(200, self.pending(request.key))
            case "GET", "/project_y/profile/drafts" | "/project_y/profile/drafts/v2":
                return "drafts", lambda: Answer(200, self.drafts(request))
            case "POST", "/uploads":
                return "upload", lambda: Answer(200, {"id": f"media_{uuid.uuid4().hex}"})
            case "POST", "/editor/enhance_prompt":
                return "enhance", lambda: self.text(request)
            case "GET", "/nf/check":
                balance = {"estimated_num_videos_remaining": 27, "rate_limit_reached": False}
                return "quota", lambda: Answer(200, {"rate_limit_and_credit_balance": balance})
            case "POST", path if path.endswith("sentinel/req"):
                proof = {"required": True, "seed": "0.5", "difficulty": "0fffff"}
                said = {"token": "t", "turnstile": {"dx": "d"}, "proofofwork": proof}
                return "sentinel", lambda: Answer(200, said)
            case "GET", path if path.startswith("/files/"):
                name = path.removeprefix("/files/").removesuffix(".mp4")
                return "content", lambda: self.video(name, self.owner(name))
        return "other", self.nothing_here

    owner = Skyriff.owner

    def pending(self, key: str) -> list[dict[str, Any]]:
        with self.books.lock:
            names = [row.id for row in self.books.rows if row.state == "running" and row.account == key]
        rows = [row for name in names if (row := self.look(name, key)) and row.state == "running"]
        return [
            {
                "id": row.id,
                "status": "processing",
                "progress": 0.45,
                "created_at": _iso(row.at),
                "prompt": row.order,
                "orientation": row.fields.get("orientation", "landscape"),
                "n_frames": row.fields.get("n_frames", 300),
            }
            for row in rows
        ]

    def drafts(self, request: Request) -> dict[str, Any]:
        with self.books.lock:
            rows = [row for row in self.books.rows if row.state in ("done", "failed") and row.account == request.key]
        items = [
            {
                "id": row.id,
                "status": "completed" if row.state == "done" else "failed",
                "created_at": _iso(row.at),
                "prompt": row.order,
                "video_url": f"{self.url}/backend/files/{row.id}.mp4" if row.state == "done" else None,
                "duration_seconds": int(row.fields.get("n_frames", 300)) // 30,
                "orientation": row.fields.get("orientation", "landscape"),
            }
            for row in sorted(rows, key=lambda row: -row.at)
        ]
        return {"drafts": items[: int(request.query.get("limit") or 15)]}

    def text(self, request: Request) -> Answer:
        return Answer(200, {"enhanced_prompt": f"Written out as {self.take(request).id}."})


class Generic(NewApi):
    """new-api's own task form: `/v1/video/generations`, upper-case states, an id of a row beside the task's, an unknown
    task as HTTP 400."""

    dialect = "generic"
    settings: Mapping[str, Any] = {"model": "sora-2"}

    def route(self, request: Request) -> tuple[str, Callable[[], Answer]]:
        parts = request.path.strip("/").removeprefix("v1/").split("/")
        match request.method, parts:
            case "POST", ["video", "generations"]:
                return "create", lambda: self.created(self.take(request))
            case "GET", ["video", "generations", name]:
                return "fetch", lambda: self.fetch(name, request.key)
            case "GET", ["files", name]:
                return "content", lambda: self.video(name.removesuffix(".mp4"), self.owner(name))
        return "other", self.nothing_here

    def created(self, charge: Charge) -> Answer:
        return Answer(200, {"task_id": charge.id, "status": ""})

    def fetch(self, name: str, key: str) -> Answer:
        charge = self.look(name, key)
        if charge is None:
            return self.missing(name)
        state = {"running": "IN_PROGRESS", "done": "SUCCESS", "failed": "FAILURE"}[charge.state]
        data = {
            "id": 7,
            "task_id": name,
            "status": state,
            "progress": "100%" if state != "IN_PROGRESS" else "45%",
            "fail_reason": "The GPU fell over." if state == "FAILURE" else "",
            "result_url": f"{self.url}/files/{name}.mp4" if state == "SUCCESS" else "",
            "submit_time": int(charge.at),
        }
        return Answer(200, {"code": "success", "message": "", "data": data})

    def missing(self, name: str) -> Answer:
        return Answer(400, {"code": "task_not_exist", "message": "task_not_exist", "data": None})


PROVIDERS: dict[str, type[Server]] = {kind.provider: kind for kind in (OpenAI, Apiyi, Skyriff, Shenma, NewApi, SoraWeb)}
PROVIDERS["generic"] = Generic
ALL = (*PROVIDERS,)
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def _iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
