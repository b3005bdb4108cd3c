"""Every error the client raises, in one tree.

SoraError
 ├── InputError            exit 2   refused before anything was sent
 │    ├── InvalidRequest            a value is missing or out of range
 │    ├── Unsupported               the profile cannot do this
 │    ├── ProfileError              profiles.toml, an unknown profile
 │    │    └── MissingKey           exit 3   the profile has no key
 │    └── StorageError              ledger, output folder, disk
 │         └── LedgerAway           the database that holds the ledger does not answer
 ├── AccountError          exit 3
 │    ├── AuthError                 the key was refused
 │    └── QuotaExceeded             the account has nothing left
 ├── JobError              exit 4   the server said no, or the job ended badly
 │    ├── RequestRejected           the server refused the request
 │    ├── ModerationRejected        a review refused prompt, image or result
 │    ├── JobFailed                 the job ended in failure
 │    ├── JobCanceled               the job was canceled
 │    ├── JobNotFound               no such job on the server
 │    │    └── UnknownJob           exit 2   no such job in the ledger: a mistyped id
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
from .redaction import redact


class SoraError(Exception):
    """Root of the tree. ``fix`` says what the user can do next."""

    # ComfyUI names the pack's modules by its folder's path, and shows an error's module to the user
    __module__ = "sora_core.errors"
    exit_code = 1
    stated = False  # the server's own word on the request or the job, whatever its HTTP status proves
    money = ""

    def __init__(
        self,
        text: str,
        *,
        fix: str | None = None,
        job_id: str | None = None,
        remote_id: str | None = None,
        provider: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
        money: str | None = None,
        **values: Any,
    ) -> None:
        """``text`` is the id of a sentence in `locales/`, filled in with ``values``; ``money`` one of what was charged.

        ``fix`` is the id of an entry that says what to do, where that is not the sentence's own. ``code`` is the
        server's. A ``text`` that is no id is the sentence itself.
        """
        super().__init__(text)
        self.text = text
        self.values = values
        self._fix = fix
        if money is not None:
            self.money = money
        self.job_id = job_id
        self.remote_id = remote_id
        self.provider = provider
        self.code = code
        self.retry_after = retry_after
        self._added: list[tuple[str, dict[str, Any]]] = []

    def __init_subclass__(cls) -> None:
        cls.__module__ = SoraError.__module__

    def __repr__(self) -> str:
        return f"{self.kind}({self.message!r})"

    @property
    def kind(self) -> str:
        """Stable name of the class of error, for JSON and tests."""
        return type(self).__name__

    @property
    def message(self) -> str:
        """What happened, and no more."""
        return redact(self._said(self.text) or self.text)

    @property
    def fix(self) -> str:
        """What the user can do next: said for this very error, of its sentence, or of its class."""
        said = (self._said(key, "fix") for key in (self._fix, self.text, *self._classes()) if key)
        return next((fix for fix in said if fix is not None), "")

    @property
    def advised_by(self) -> str:
        """The id of the entry that says what to do."""
        return self._fix or self.text

    def advise(self, key: str, **values: Any) -> None:
        """Another entry says what to do."""
        self._fix = key
        self.values = {**self.values, **values}

    def add(self, key: str, **values: Any) -> None:
        """One more sentence at the end, such as on what this failure does not concern."""
        self._added.append((key, values))

    def __str__(self) -> str:
        """What happened, with the job's ids; what is known of the money; what to do next."""
        ids = [f"job {self.job_id}" if self.job_id else "", f"remote id {self.remote_id}" if self.remote_id else ""]
        where = ", ".join(part for part in ids if part)
        added = [texts.text(key, **values) or "" for key, values in self._added]
        lines = [self.message + (f" ({where})" if where else ""), self.money_text, self.fix, *added]
        return "\n".join(line for line in lines if line)

    @property
    def money_text(self) -> str:
        """What is known of the money; "" where nothing is said of it."""
        return (self._said(f"money.{self.money}") or "") if self.money else ""

    def _said(self, key: str, part: str = "text") -> str | None:
        data = {name: getattr(self, name) for name in ("remote_id", "provider", "code", "retry_after")}
        data |= {"job_id": self.job_id or "JOB"}
        return texts.text(key, part, **{**data, **self.values})

    def _classes(self) -> list[str]:
        """The entries of the error's class and of those above it."""
        return [each.__name__ for each in type(self).__mro__]


class InputError(SoraError):
    """Refused before anything was sent or written; nothing was charged."""

    exit_code = 2


class InvalidRequest(InputError):
    """A value is missing or out of range."""


class Unsupported(InputError):
    """The profile cannot do what was asked."""


class ProfileError(InputError):
    """profiles.toml cannot be read, a profile is unknown, or its key is missing."""


class MissingKey(ProfileError):
    """Neither the environment nor the store has the profile's key."""

    exit_code = 3


class StorageError(InputError):
    """The ledger, the output folder or the disk does not allow the job."""


class LedgerAway(StorageError):
    """The database that holds a shared ledger does not answer. Whether the last change was made is not known."""


class AccountError(SoraError):
    """The account, not the request, is the trouble."""

    exit_code = 3


class AuthError(AccountError):
    """The server refused the key (HTTP 401, 403)."""


class QuotaExceeded(AccountError):
    """The account has nothing left."""


class JobError(SoraError):
    """The server said no, or the job ended badly."""

    exit_code = 4


class RequestRejected(JobError):
    """The server refused the request (HTTP 400, 404, 422)."""


class ModerationRejected(JobError):
    """A review refused the prompt, an image or the result."""


class JobFailed(JobError):
    """The job ended in failure on the server."""


class JobCanceled(JobError):
    """The job was canceled here or on the server."""


class JobNotFound(JobError):
    """No job of that id, in the ledger or on the server."""


class UnknownJob(JobNotFound):
    """Nothing that is known here is called so."""

    exit_code = 2


class JobChanged(JobError):
    """Somebody else has the job by now, or it was ended meanwhile: whoever wanted to write its row stops."""


class RemoteIdTaken(JobChanged):
    """The remote id belongs to another job of this ledger."""


class NotReady(JobError):
    """The result is not there yet; ask for the job again."""


class MediaError(JobError):
    """The file is not a usable video, or does not fit into memory."""


class SubmissionUnknown(SoraError):
    """The request left this machine and no one knows whether it was accepted.

    It is recorded and never sent a second time by itself. ``status`` and ``body`` are of the answer, as far as
    it was read: what it says may still name the job.
    """

    status = 0
    body = b""
    exit_code = 5


class ServiceError(SoraError):
    """The network or the server, for now; a submitted job is not lost."""

    exit_code = 6


class NetworkError(ServiceError):
    """No connection could be made, or it broke."""


class RateLimited(ServiceError):
    """Too many requests (HTTP 429); ``retry_after`` in seconds where the server said so."""


class Overloaded(ServiceError):
    """The server refuses new work for now; the request was not accepted."""


class ServerError(ServiceError):
    """HTTP 5xx."""


class BadResponse(ServiceError):
    """The answer is not what the protocol says (HTML, garbage, missing fields)."""


class ChallengePage(BadResponse):
    """A web page that wants a human stands before the server."""


class DeadlineExceeded(ServiceError):
    """We stopped waiting; the job may go on at the server."""


class Interrupted(SoraError):
    """The user stopped waiting; a submitted job goes on."""

    exit_code = 130
