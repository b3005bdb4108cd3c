"""What the client says while it works, for programs that read it: one JSON object a line, with the job's id."""

from __future__ import annotations

import json
import logging
import os
import re
import sys

VARIABLE = "SORA_LOG"
_JOB = re.compile(r"\bjob_[0-9a-f]{20}\b")


class JsonLines(logging.Formatter):
    """`time` (seconds since the epoch), `level`, `where`, `message`; `job_id` where one is named."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        said = {"time": round(record.created, 3), "level": record.levelname.lower(), "where": record.name}
        named = _JOB.search(message)
        if named:
            said["job_id"] = named[0]
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps({**said, "message": message}, ensure_ascii=False)


def set_up() -> None:
    """SORA_LOG=json writes this package's log to stderr as JSON lines; all else stays as the host has it."""
    if os.environ.get(VARIABLE, "").strip().lower() != "json":
        return
    logger = logging.getLogger(__name__.rpartition(".")[0])
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
