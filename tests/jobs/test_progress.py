"""What a watcher reads while a job runs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sora_core.clock import SystemClock
from sora_core.jobs.progress import Progress, ProgressReporter


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress("preparing"), "preparing"),
        (Progress("queued", queue_position=3), "queued (position 3)"),
        (
            Progress("running", "job_1", "video_1", percent=41.6, elapsed=75.4, remaining=30.2),
            "running · 42% · 1:15 elapsed · about 30 s left · job job_1 · remote id video_1",
        ),
        (Progress("running", remaining=0.2), "running · almost done"),
        (Progress("running", elapsed=59.7), "running · 1:00 elapsed"),
        (Progress("running", elapsed=3605), "running · 60:05 elapsed"),
        (Progress("downloading", note="1 MiB of 2 MiB"), "downloading · 1 MiB of 2 MiB"),
        (Progress("running", percent=0.0), "running · 0%"),
    ],
)
def test_progress_reads_as_one_line(progress, text):
    assert str(progress) == text


def test_bytes_are_told_in_whole_mib_and_not_before_there_is_one():
    told = []
    reporter = ProgressReporter(SystemClock(), told.append)
    job = SimpleNamespace(job_id="job_1", remote_id="video_1")
    for done in (0, 2**19, 2**20, 2**20 + 2**19, 3 * 2**20):
        reporter.bytes(job, done, 3 * 2**20)
    assert [progress.note for progress in told] == ["", "", "1 MiB of 3 MiB", "1 MiB of 3 MiB", "3 MiB of 3 MiB"]
