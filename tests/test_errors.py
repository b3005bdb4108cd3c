"""The tree of errors: what each says, carries and exits with."""

from __future__ import annotations

import inspect
import re

import pytest

from sora_core import errors, texts
from sora_core.errors import JobFailed, SoraError, SubmissionUnknown

ALL = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, SoraError)]
EXIT_CODES = {
    "InputError": 2,
    "AccountError": 3,
    "JobError": 4,
    "SubmissionUnknown": 5,
    "ServiceError": 6,
    "Interrupted": 130,
}
OF_ITS_OWN = {"MissingKey": 3, "UnknownJob": 2}  # as scripts rely on them


def test_the_picture_in_the_docstring_is_the_tree():
    """Read off the indentation of the drawing: every class below the one that it is drawn under."""
    drawn: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in inspect.getdoc(errors).splitlines():
        match = re.match(r"([\s│├└─]*)([A-Z]\w+)(\s|$)", line)
        if not match or not hasattr(errors, match[2]):
            continue
        depth = len(match[1])
        above = [(level, name) for level, name in above if level < depth]
        if above:
            drawn[match[2]] = above[-1][1]
        above.append((depth, match[2]))
    assert drawn == {each.__name__: each.__base__.__name__ for each in ALL if each is not SoraError}


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
class TestEveryError:
    def test_exits_with_the_code_of_its_branch(self, kind):
        branches = [name for name in EXIT_CODES if issubclass(kind, getattr(errors, name))]
        assert len(branches) == (kind is not SoraError)
        assert kind.exit_code == OF_ITS_OWN.get(kind.__name__, EXIT_CODES[branches[0]] if branches else 1)

    def test_is_documented(self, kind):
        assert kind.__doc__
        assert kind.__doc__ != SoraError.__doc__ or kind is SoraError

    def test_names_its_class_for_programs(self, kind):
        assert kind("x").kind == kind.__name__


def test_it_carries_data():
    error = JobFailed("no", job_id="job_1", remote_id="video_1", provider="openai", code="c", retry_after=7.0)
    assert (error.job_id, error.remote_id, error.provider, error.code, error.retry_after) == (
        "job_1",
        "video_1",
        "openai",
        "c",
        7.0,
    )
    assert error.message == "no"
    assert "job job_1" in str(error)
    assert "remote id video_1" in str(error)


def test_ids_that_are_learned_later_are_shown_too():
    error = JobFailed("no")
    assert "job" not in str(error).splitlines()[0]
    error.job_id = "job_1"
    assert "job_1" in str(error).splitlines()[0]


def test_a_fix_of_its_own_replaces_the_usual_one():
    usual = JobFailed("no").fix
    error = JobFailed("no", fix="requests.fix")
    error.advise("StorageError")
    assert error.fix == errors.StorageError("x").fix != usual
    assert JobFailed("no").fix == usual


CLAIMS = re.compile(r"charge|free|paid|submitted|扣费|免费|付费|未发送|已提交")


def test_no_class_of_errors_speaks_of_money_as_the_row_and_the_step_do():
    said = {
        f"{name} {kind.__name__}": texts.catalogue(name).get(kind.__name__, {}).get("fix", "")
        for name in texts.LANGUAGES
        for kind in ALL
        if kind is not errors.SubmissionUnknown
    }
    assert {where: text for where, text in said.items() if CLAIMS.search(text)} == {}


def test_an_unknown_submission_says_that_it_is_not_sent_again_and_how_to_free_it():
    text = str(SubmissionUnknown("lost", job_id="job_1"))
    assert "not be sent again" in text
    assert "forget" in text
