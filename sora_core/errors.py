"""Every error the client raises, in one tree.

SoraError
 ├── InputError            exit 2   refused before anything was sent
 │    ├── InvalidRequest            a value is missing or out of range
 │    ├── Unsupported               the profile cannot do this
 │    ├── ProfileError              profiles.toml, an unknown profile, a missing key
 │    └── StorageError              ledger, output folder, disk
 ├── AccountError          exit 3
 │    ├── AuthError                 the key was refused
 │    └── QuotaExceeded             the account has nothing left
 ├── JobError              exit 4   the server said no, or the job ended badly
 │    ├── RequestRejected           the server refused the request
 │    ├── ModerationRejected        a review refused prompt, image or result
 │    ├── JobFailed                 the job ended in failure
 │    ├── JobCanceled               the job was canceled
 │    ├── JobNotFound               no such job, here or on the server
 │    ├── JobChanged                the row is not what the writer took it for
 │    │    └── RemoteIdTaken        another row has this remote id
 │    ├── NotReady                  the result is not there yet
 │    └── MediaError                the file is not a usable video
 ├── SubmissionUnknown     exit 5   sent, and no one knows whether it was accepted
 ├── ServiceError          exit 6
 │    ├── NetworkError              no connection, or it broke
 │    ├── RateLimited               too many requests
 │    ├── Overloaded                the server refuses work for now
 │    ├── ServerError               5xx
 │    ├── BadResponse               not what the protocol says
 │    │    └── ChallengePage        a web page that wants a human
 │    └── DeadlineExceeded          we stopped waiting; the job may go on
 └── Interrupted           exit 130 the user stopped waiting

Each is the id of a text with its parameters, and carries data (job_id, provider, retry_after,
code). ``str(error)`` says what happened, what is known of the money and what to do next, in one
language; ``error.message`` only what happened.
"""

from __future__ import annotations

from typing import Any

from . import texts


class SoraError(Exception):
    """Root of the tree. ``fix`` says what the user can do next."""

    # ComfyUI names the pack's modules by its folder's path, and shows an error's module to the user
    __module__ = "sora_core.errors"
    exit_code = 1
    stated = False  # the server's own word on the request or the job, whatever its HTTP status proves
    title_zh = "出错了"
    money = ""
    fix = ""
    fix_zh = ""

    def __init__(
        self,
        text: str,
        *,
        fix: str | None = None,
        fix_zh: str | None = None,
        job_id: str | None = None,
        remote_id: str | None = None,
        provider: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        money: str | None = None,
        **values: Any,
    ) -> None:
        """``text`` is the id of a sentence in `locales/`, filled in with ``values``; ``money`` one of what was charged.

        ``code`` is the server's own. A ``text`` that is no id is the sentence itself.
        """
        super().__init__(text)
        self.text = text
        self.values = values
        if fix is not None:
            self.fix = fix
        if fix_zh is not None:
            self.fix_zh = fix_zh
        if money is not None:
            self.money = money
        self.job_id = job_id
        self.remote_id = remote_id
        self.provider = provider
        self.code = code
        self.retry_after = retry_after

    def __init_subclass__(cls) -> None:
        cls.__module__ = SoraError.__module__

    @property
    def kind(self) -> str:
        """Stable name of the class of error, for JSON and tests."""
        return type(self).__name__

    @property
    def message(self) -> str:
        """What happened, and no more."""
        return self._said(self.text) or self.text

    def __str__(self) -> str:
        """What happened, with the job's ids; what is known of the money; what to do next."""
        ids = [f"job {self.job_id}" if self.job_id else "", f"remote id {self.remote_id}" if self.remote_id else ""]
        where = ", ".join(part for part in ids if part)
        lines = [self.message + (f" ({where})" if where else "")]
        if self.text in texts.catalogue("en"):
            fixes = (self._said(self.text, "fix"), self._given_fix(), self._usual_fix())
            lines += [self.money_text, next(fix for fix in fixes if fix is not None)]
        else:
            lines += [self.money_text, self.fix, f"{self.title_zh}。{self.fix_zh}"]
        return "\n".join(line for line in lines if line)

    @property
    def money_text(self) -> str:
        """What is known of the money; "" where nothing is said of it."""
        return (self._said(f"money.{self.money}") or "") if self.money else ""

    def _said(self, key: str, part: str = "text") -> str | None:
        data = {name: getattr(self, name) for name in ("remote_id", "provider", "code", "retry_after")}
        data |= {"job_id": self.job_id or "JOB"}
        return texts.text(key, part, **{**data, **self.values})

    def _given_fix(self) -> str | None:
        """One that this very error was given."""
        given = vars(self)
        return given.get("fix_zh") if texts.language() == "zh" and "fix_zh" in given else given.get("fix")

    def _usual_fix(self) -> str:
        """That of the class, or of the nearest one above it."""
        own = (self._said(each.__name__, "fix") for each in type(self).__mro__)
        return next((fix for fix in own if fix is not None), "")


class InputError(SoraError):
    """Refused before anything was sent or written; nothing was charged."""

    exit_code = 2
    title_zh = "输入有误"


class InvalidRequest(InputError):
    """A value is missing or out of range."""


class Unsupported(InputError):
    """The profile cannot do what was asked."""

    title_zh = "此配置不支持该功能"


class ProfileError(InputError):
    """profiles.toml cannot be read, a profile is unknown, or its key is missing."""

    title_zh = "配置（profile）有误"


class StorageError(InputError):
    """The ledger, the output folder or the disk does not allow the job."""

    title_zh = "无法写入磁盘或账本"
    fix = "Free some space or make the folder writable, then run again."
    fix_zh = "请清理磁盘或修正目录权限后重试。"


class AccountError(SoraError):
    """The account, not the request, is the trouble."""

    exit_code = 3
    title_zh = "账户问题"


class AuthError(AccountError):
    """The server refused the key (HTTP 401, 403)."""

    title_zh = "密钥被拒绝"
    fix = "Check the key of this profile and the way it is sent (`--auth`)."
    fix_zh = "请检查该配置的密钥与认证方式（--auth）。"


class QuotaExceeded(AccountError):
    """The account has nothing left."""

    title_zh = "额度不足"
    fix = "Top up the account or wait for the reset."
    fix_zh = "请充值或等待额度重置。"


class JobError(SoraError):
    """The server said no, or the job ended badly."""

    exit_code = 4
    title_zh = "任务失败"


class RequestRejected(JobError):
    """The server refused the request (HTTP 400, 404, 422)."""

    title_zh = "服务器拒绝了请求"
    fix = "Change what the message names."
    fix_zh = "请按提示修改参数。"


class ModerationRejected(JobError):
    """A review refused the prompt, an image or the result."""

    title_zh = "内容审核未通过"
    fix = "Change the prompt or the image."
    fix_zh = "请修改提示词或图片。"


class JobFailed(JobError):
    """The job ended in failure on the server."""

    title_zh = "任务在服务端失败"
    fix = "Running again submits a new job."
    fix_zh = "再次运行会提交新任务。"


class JobCanceled(JobError):
    """The job was canceled here or on the server."""

    title_zh = "任务已取消"
    fix = "Running again submits a new job."
    fix_zh = "再次运行会提交新任务。"


class JobNotFound(JobError):
    """No job of that id, in the ledger or on the server."""

    title_zh = "找不到任务"
    fix = "`sora-video jobs` lists the jobs that are known here."
    fix_zh = "可用 sora-video jobs 查看本地已知任务。"


class JobChanged(JobError):
    """Somebody else has the job by now, or it was ended meanwhile: whoever wanted to write its row stops."""

    title_zh = "任务已被其他进程接管或已结束"
    fix = "`sora-video jobs` shows how the job stands; running the request again goes on from there."
    fix_zh = "可用 sora-video jobs 查看任务状态；再次运行相同请求会从当前状态继续。"


class RemoteIdTaken(JobChanged):
    """The remote id belongs to another job of this ledger."""

    title_zh = "该远程编号属于账本中的另一个任务"
    fix = "`sora-video jobs` shows which job has it."
    fix_zh = "可用 sora-video jobs 查看该编号属于哪个任务。"


class NotReady(JobError):
    """The result is not there yet; ask for the job again."""

    title_zh = "结果尚未就绪"
    fix = "Wait, then collect the job again."
    fix_zh = "请稍后再次收取。"


class MediaError(JobError):
    """The file is not a usable video, or does not fit into memory."""

    title_zh = "视频文件不可用"
    fix = "`sora-video resume JOB` fetches a job's file again."
    fix_zh = "可用 sora-video resume JOB 重新收取任务的文件。"


class SubmissionUnknown(SoraError):
    """The request left this machine and no one knows whether it was accepted.

    It is recorded and never sent a second time by itself. ``status`` and ``body`` are of the answer, as far as
    it was read: what it says may still name the job.
    """

    status = 0
    body = b""
    exit_code = 5
    title_zh = "提交结果未知"
    fix = (
        "It will not be sent again by itself. Run the same request again to look it up. If the provider's own list "
        "shows it, `sora-video resume JOB --remote-id ID` collects it; if it was not accepted, "
        "`sora-video forget JOB` frees it for a new try."
    )
    fix_zh = (
        "系统不会自动重发。再次运行相同请求会去查询。"
        "若在服务商列表中找到该任务，用 sora-video resume JOB --remote-id ID 收取；"
        "若确认未受理，用 sora-video forget JOB 释放后再提交。"
    )


class ServiceError(SoraError):
    """The network or the server, for now; a submitted job is not lost."""

    exit_code = 6
    title_zh = "网络或服务暂时不可用"
    fix = "Try again later."
    fix_zh = "请稍后重试。"


class NetworkError(ServiceError):
    """No connection could be made, or it broke."""

    title_zh = "网络错误"


class RateLimited(ServiceError):
    """Too many requests (HTTP 429); ``retry_after`` in seconds where the server said so."""

    title_zh = "请求过于频繁"


class Overloaded(ServiceError):
    """The server refuses new work for now; the request was not accepted."""

    title_zh = "服务过载"


class ServerError(ServiceError):
    """HTTP 5xx."""

    title_zh = "服务器错误"


class BadResponse(ServiceError):
    """The answer is not what the protocol says (HTML, garbage, missing fields)."""

    title_zh = "响应格式不符合协议"
    fix = "Check the base URL of the profile with `sora-video doctor PROFILE`."
    fix_zh = "请用 sora-video doctor 检查该配置的地址。"


class ChallengePage(BadResponse):
    """A web page that wants a human stands before the server."""

    title_zh = "遇到人机验证页面"
    fix = "Open the server's address in a browser from this network, or ask its operator; it is not worked around."
    fix_zh = "请在同一网络下用浏览器打开该地址，或联系服务方；本程序不会绕过验证。"


class DeadlineExceeded(ServiceError):
    """We stopped waiting; the job may go on at the server."""

    title_zh = "等待超时，任务可能仍在进行"
    fix = "Run the same request again, or `sora-video resume JOB`, to go on waiting."
    fix_zh = "再次运行相同请求或 sora-video resume JOB 可继续等待。"


class Interrupted(SoraError):
    """The user stopped waiting; a submitted job goes on."""

    exit_code = 130
    title_zh = "已中断等待"
    fix = "Running the same request again goes on from here."
    fix_zh = "再次运行相同请求会从这里继续。"
