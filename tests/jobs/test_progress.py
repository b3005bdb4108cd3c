"""What a watcher reads while a job runs."""

from __future__ import annotations

import pytest

from sora_core.jobs.progress import Progress


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress("preparing"), "preparing"),
        (Progress("queued", queue_position=3), "queued (position 3)"),
        (
            Progress("running", "job_1", "video_1", percent=41.6, elapsed=75.4, remaining=30.2),
            "running · 42% · 1:15 elapsed · about 30 s left · job job_1 · remote id video_1",
        ),
        (Progress("running", elapsed=59.7), "running · 1:00 elapsed"),
        (Progress("running", elapsed=3605), "running · 60:05 elapsed"),
        (Progress("downloading", note="1.0 of 2.0 MiB"), "downloading · 1.0 of 2.0 MiB"),
        (Progress("running", percent=0.0), "running · 0%"),
    ],
)
def test_progress_reads_as_one_line(progress, text):
    assert str(progress) == text
