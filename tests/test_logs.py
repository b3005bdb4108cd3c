"""SORA_LOG=json: one object a line, with the job that it is about."""

from __future__ import annotations

import json
import logging

import pytest

from sora_core import logs

LOGGER = logging.getLogger("sora_core")


@pytest.fixture(autouse=True)
def as_it_was():
    before = (LOGGER.handlers, LOGGER.level, LOGGER.propagate)
    yield
    LOGGER.handlers, LOGGER.propagate = before[0], before[2]
    LOGGER.setLevel(before[1])


def test_a_line_is_an_object_that_names_the_job(monkeypatch, capfd):
    monkeypatch.setenv("SORA_LOG", "json")
    logs.set_up()
    logging.getLogger("sora_core.jobs").info("job %s is done: %s", "job_0123456789abcdef0123", "猫\n.mp4")
    (line,) = capfd.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["job_id"], said["level"], said["where"]) == ("job_0123456789abcdef0123", "info", "sora_core.jobs")
    assert said["message"].endswith("猫\n.mp4")


def test_without_it_the_log_stays_as_the_host_has_it(monkeypatch):
    monkeypatch.delenv("SORA_LOG", raising=False)
    before = LOGGER.handlers
    logs.set_up()
    assert LOGGER.handlers is before
