"""The conformance suite: what every provider and dialect has to do at every server, whoever plays the server.

A subclass names recipes and a way to play the server; a test runs for each recipe that can what it `needs`.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .. import doctor
from ..clock import Clock, SystemClock
from ..connections.connection import Connection
from ..engine import Engine
from ..errors import (
    AuthError,
    InputError,
    JobFailed,
    JobNotFound,
    ModerationRejected,
    QuotaExceeded,
    RequestRejected,
    SoraError,
    SubmissionUnknown,
    Unsupported,
)
from ..ledger.row import Job
from ..models import Delivery, Destination, Operation, Upload
from ..profiles.profiles import Profile
from ..requests.kinds import Request
from ..requests.settings import Lora, settings_of
from .asking import request_of
from .clocks import HastyClock, LeapingClock
from .media import digest, media_of, pixels_of
from .peer import LOST, Peer
from .recipes import KEY, WRONG_KEY, Recipe
from .told import beyond, said, seen
from .wire import FELL_OVER, Wire

needs = pytest.mark.needs
REFUSALS: dict[str, type[SoraError]] = {
    "no quota": QuotaExceeded,
    "no quota, in words": QuotaExceeded,
    "moderated": ModerationRejected,
    "moderated, in words": ModerationRejected,
    "moderated, within": ModerationRejected,
    "refused": RequestRejected,
    "invalid": RequestRejected,
}
PROFILE = "peer"
LIGHT = "a lighthouse at night 灯塔"


class Case:
    """A client with a state folder of its own, on a wire to the recipe's server."""

    def __init__(self, recipe: Recipe, peer: Peer, wire: Wire, folder: Path) -> None:
        self.recipe, self.peer, self.wire = recipe, peer, wire
        self._home, self._out = folder / "home", folder / "out"
        self.engine = self._opened()
        self.add(PROFILE)
        self.add("wrong-key", key_env="WRONG_KEY")

    def _opened(self, clock: Clock | None = None) -> Engine:
        usual: Clock = HastyClock() if self.peer.hasty else SystemClock()
        return Engine(self._home, clock=clock or usual)

    def reopen(self, clock: Clock | None = None) -> None:
        """The client's process ends, and another one begins."""
        self.engine.close()
        self.engine = self._opened(clock)

    def add(self, name: str, **settings: Any) -> None:
        recipe = self.recipe
        facts = {
            "provider": recipe.provider,
            "base_url": self.wire.url + recipe.path,
            "dialect": recipe.dialect,
            "auth": recipe.auth,
            "model": recipe.model,
            "key_env": recipe.key_env,
            "extra": {name: text.format(url=self.wire.url) for name, text in recipe.settings.items()},
            "poll_seconds": self.peer.poll_seconds,
            "requests_per_minute": 100_000,
            "paid": True,  # on a machine of one's own, too: what costs nothing is simply made anew
            **settings,
        }
        self.engine.add_profile(Profile(name, **facts))

    def request(
        self, prompt: str, operation: Operation = Operation.TEXT_TO_VIDEO, *, as_said: bool = False, **facts: Any
    ) -> Request:
        """In the recipe's own way; ``as_said`` where it matters that nobody else has asked for the same."""
        # a remix has shape and length of its source
        usual = {} if operation is Operation.REMIX else self.recipe.usual
        said = prompt if as_said or not self.recipe.drawn_once else LIGHT
        return request_of(operation, said, **{**usual, **facts})

    def make(
        self, prompt: str, operation: Operation = Operation.TEXT_TO_VIDEO, profile: str = PROFILE, **facts: Any
    ) -> Delivery:
        request = self.request(prompt, operation, **facts)
        return self.engine.generate(request, profile, Destination(self._out), lambda progress: None).result(70)

    def submit(self, prompt: str, **facts: Any) -> Job:
        """Back as soon as the server's id is on the disk."""
        request = self.request(prompt, **facts)
        return self.engine.submit(request, PROFILE, Destination(self._out), lambda progress: None).result(60)

    def resume(self, job_id: str) -> Delivery:
        return self.engine.resume(job_id, None, Destination(self._out), lambda progress: None).result(70)

    def refused(self, make: Callable[[], object]) -> SoraError:
        with pytest.raises(SoraError) as caught:
            make()
        return caught.value

    def row(self, job_id: str) -> Job:
        return self.engine.ledger.get(job_id)

    @contextlib.contextmanager
    def charging(self, count: int) -> Iterator[None]:
        """What is done meanwhile makes the server take so many requests."""
        before = self.peer.charges(self.wire)
        yield
        assert self.peer.charges(self.wire) - before == count

    @property
    def asked(self) -> dict[str, Any]:
        """What the server's engine was asked for last."""
        return self.peer.journal()[-1]

    def close(self) -> None:
        self.engine.close()


class Conformance:
    """Subclass it; see the module."""

    @needs("made")
    def test_a_video_is_made_and_delivered_and_charged_once(self, case: Case) -> None:
        with case.charging(1):
            made = case.make(LIGHT)
            assert made.path.read_bytes()[4:8] == b"ftyp"
            again = case.make(LIGHT)
        assert (again.path, again.reused) == (made.path, True)
        asked = case.asked
        assert asked["prompt"] == LIGHT
        assert {name: asked.get(name) for name in case.recipe.saw} == dict(case.recipe.saw)

    @needs("image")
    def test_an_image_arrives(self, case: Case, picture: Upload) -> None:
        with case.charging(1):
            case.make("it moves", Operation.IMAGE_TO_VIDEO, images=(picture,))
        assert case.asked["has_image"] is True

    @needs("images")
    def test_two_images_arrive(self, case: Case, picture: Upload) -> None:
        with case.charging(1):
            case.make("from one to the other", Operation.IMAGE_TO_VIDEO, images=(picture, picture))
        assert case.asked["images"] == 2

    @needs("references")
    def test_each_reference_arrives_as_it_is_and_in_its_place(self, case: Case, picture: Upload, clip: bytes) -> None:
        kept = media_of(picture, clip)
        for words in case.recipe.references:
            given = [kept[word] for word in words.split()]
            facts: dict[str, Any] = {"images": (), "clips": (), "sounds": (), "last_frame": None}
            for name, each in given:
                facts[name] = each if name == "last_frame" else (*facts[name], each)
            with case.charging(1):
                case.make(f"after {words}", Operation.IMAGE_TO_VIDEO, **facts)
        journal = case.peer.journal()[-len(case.recipe.references) :]
        for words, asked in zip(case.recipe.references, journal, strict=True):
            uploads = [kept[word][1] for word in words.split()]
            assert len(asked["media"]) == len(uploads), words
            for upload, arrived in zip(uploads, asked["media"], strict=True):
                assert arrived in (digest(upload.data), *pixels_of(upload)), words

    @needs("seed")
    def test_a_seed_arrives(self, case: Case) -> None:
        case.make("a seeded one", seed=4711)
        assert case.asked["seed"] == 4711

    @needs("negative")
    def test_a_negative_prompt_arrives_with_text_alone_and_with_a_picture(self, case: Case, picture: Upload) -> None:
        for operation, images in ((Operation.TEXT_TO_VIDEO, ()), (Operation.IMAGE_TO_VIDEO, (picture,))):
            case.make("without that", operation, images=images, negative_prompt="rain 雨")
            assert case.asked["negative_prompt"] == "rain 雨"

    @needs("extra")
    def test_a_field_of_the_servers_own_arrives(self, case: Case) -> None:
        case.add("extra", extra={**case.recipe.settings, **case.recipe.extra})
        case.make("with a field of its own", profile="extra")
        asked = case.asked
        assert {name: asked.get(name) for name in case.recipe.extra_seen} == dict(case.recipe.extra_seen)

    @needs("settings")
    def test_every_setting_of_the_table_arrives_as_what_it_is(self, case: Case) -> None:
        table = case.engine.capabilities(PROFILE).settings
        wanted = {name: value for name, value in {**seen(table), **case.recipe.told_as}.items() if value is not None}
        with case.charging(1):
            case.make("in every way", settings=settings_of(said(table)), seconds=0)
        told = case.asked.get("told", case.asked)
        assert {name: told.get(name) for name in wanted} == wanted
        assert {name: type(told[name]) for name in wanted} == {name: type(value) for name, value in wanted.items()}

    @needs("known_settings")
    def test_a_setting_that_the_server_does_not_take_is_refused_before_anything_is_sent(self, case: Case) -> None:
        table = case.engine.capabilities(PROFILE).settings
        wrong = {"stepps": 3, "steps": "many", "fps": 0, **beyond(table)}
        for name, value in wrong.items():

            def in_no_way(said: dict[str, Any]) -> object:
                return case.make("in no way", settings=settings_of(said))

            error = case.refused(functools.partial(in_no_way, {name: value}))
            assert isinstance(error, InputError), error
            assert f"'{name}'" in error.message
        assert case.wire.posts == 0

    @needs("several")
    def test_all_videos_of_one_request_are_delivered_in_their_order_and_charged_once(self, case: Case) -> None:
        with case.charging(1):
            made = case.make("three of one", settings=settings_of({"num_outputs_per_prompt": 3}))
        first, *further = (path.read_bytes() for path in (made.path, *made.further))
        assert [each.removeprefix(first) for each in further] == [b"\0\0\0\x09free\x01", b"\0\0\0\x09free\x02"]

    @needs("described")
    def test_what_the_server_says_of_its_own_fields_is_held_to_before_anything_is_sent(self, case: Case) -> None:
        found = {finding.check: finding for finding in doctor.examine(case.engine, PROFILE)}
        assert found["settings"].ok, found["settings"]
        for name, value in case.recipe.undescribed.items():
            error = case.refused(functools.partial(case.make, "in no way", settings=settings_of({name: value})))
            assert isinstance(error, InputError), error
            assert f"'{name}'" in error.message
            assert "server_schema" in error.fix
        assert case.wire.posts == 0
        with case.charging(1):
            case.make("as described", settings=settings_of({"steps": 7}))

    @needs("work")
    def test_what_the_server_says_of_its_work_is_shown_and_kept_beside_the_file(self, case: Case) -> None:
        made = case.make("measured")
        told = case.engine.work_told(made.job_id)
        assert "2 GiB" in told
        kept = json.loads(made.path.with_suffix(".json").read_text("utf-8"))["server"]
        assert kept["peak_memory_mb"] == 2048
        if kept.get("stage_durations"):
            assert "denoising 1.5 s, text_encoding 0.2 s" in told

    @needs("loras")
    def test_loras_are_listed_and_used_for_everybody_on_a_persons_word_alone(self, case: Case) -> None:
        def asked(*wanted: Lora, change: bool = True) -> dict[str, float]:
            async def run(connection: Connection) -> Any:
                if change:
                    await connection.provider.use_loras(connection.http, wanted)
                return await connection.provider.loras(connection.http)

            return {each["name"]: each["strength"] for each in case.engine.ask(PROFILE, run).result(30)}

        made = len(case.peer.journal())
        assert asked(change=False) == {"default": 0}
        assert asked(Lora("loras/night.safetensors", 0.5), Lora("default")) == {"default": 1, "night": 0.5}
        assert asked(Lora("night", 0.25)) == {"default": 0, "night": 0.25}
        assert asked() == {"default": 0, "night": 0}
        assert len(case.peer.journal()) == made

    @needs("load_loras")
    def test_a_lora_is_loaded_and_unloaded_on_a_persons_word_alone(self, case: Case) -> None:
        def asked(change: Callable[[Any, Any], Awaitable[None]] | None = None) -> set[str]:
            async def run(connection: Connection) -> Any:
                if change:
                    await change(connection.provider, connection.http)
                return await connection.provider.loras(connection.http)

            return {each["name"] for each in case.engine.ask(PROFILE, run).result(30)}

        made, before = len(case.peer.journal()), asked()
        assert asked(lambda provider, http: provider.load_lora(http, "ink", "/loras/ink")) == {*before, "ink"}
        with pytest.raises(SoraError, match="ink"):
            asked(lambda provider, http: provider.load_lora(http, "ink", "/loras/other"))
        assert asked(lambda provider, http: provider.unload_lora(http, "ink")) == before
        with pytest.raises(RequestRejected, match="ink"):
            asked(lambda provider, http: provider.unload_lora(http, "ink"))
        with pytest.raises(Unsupported, match="lora"):
            asked(lambda provider, http: provider.use_loras(http, (Lora("ink"),)))
        assert len(case.peer.journal()) == made

    @needs("lora_paths")
    def test_the_loras_that_a_request_can_name_are_told_by_their_paths(self, case: Case) -> None:
        async def paths(connection: Connection) -> list[str]:
            return await connection.provider.lora_paths(connection.http)

        with case.charging(0):
            assert case.engine.ask(PROFILE, paths).result(30) == list(case.recipe.lora_paths)

    @needs("fails")
    def test_a_failed_job_says_why_and_its_row_is_closed(self, case: Case) -> None:
        case.peer.order("fails")
        with case.charging(1):
            error = case.refused(lambda: case.make("a vase [fails]"))
            assert isinstance(error, JobFailed), error
            assert FELL_OVER in error.message
            job = case.engine.ledger.jobs()[0]
            assert (job.state, job.error_kind) == ("failed", "JobFailed")

    @needs("refused")
    def test_a_refusal_is_told_and_charges_nothing(self, case: Case) -> None:
        case.add("refused", extra={**case.recipe.settings, **case.recipe.refused_extra})
        with case.charging(0):
            error = case.refused(lambda: case.make("what it does not make", profile="refused", **case.recipe.refused))
        assert case.recipe.refused_words in error.message
        assert not any(mark in error.message for mark in ("{'", "[{", "\n  {")), error.message  # nothing to be parsed
        assert not case.peer.journal()

    @needs("told_refusals")
    def test_a_refusal_is_its_class_of_error_and_charges_nothing(self, case: Case) -> None:
        with case.charging(0):
            for fate, kind in REFUSALS.items():
                case.peer.order(fate)
                error = case.refused(lambda: case.make("refused"))
                assert type(error) is kind, f"{fate}: {error}"

    @needs("refuses_for_a_moment")
    def test_a_server_that_refuses_for_a_moment_is_asked_again_and_paid_once(self, case: Case) -> None:
        case.peer.order("busy")
        with case.charging(1):
            assert case.make("at the third try").path.is_file()

    @needs("links")
    def test_a_link_that_has_expired_is_asked_for_again(self, case: Case) -> None:
        case.peer.order("expired")
        with case.charging(1):
            assert case.make("late for its link").path.is_file()

    @needs("strange_words")
    def test_a_word_that_no_one_knows_means_that_the_job_runs(self, case: Case) -> None:
        case.peer.order("strange word")
        with case.charging(1):
            assert case.make("it levitates").path.is_file()

    @needs("image_url")
    def test_the_address_of_an_image_arrives(self, case: Case) -> None:
        # who fetches nothing refuses it: that shows that it came where the server looks for it
        with case.charging(0):
            url = ("https://cdn.example/a.png",)
            error = case.refused(lambda: case.make("by address", Operation.IMAGE_TO_VIDEO, image_urls=url))
        assert isinstance(error, RequestRejected), error
        assert "fetches no URLs" in error.message

    @needs("no_image_url")
    def test_the_address_of_an_image_is_refused_where_it_has_no_place(self, case: Case) -> None:
        url = ("https://cdn.example/a.png",)
        error = case.refused(lambda: case.make("by address", Operation.IMAGE_TO_VIDEO, image_urls=url))
        assert isinstance(error, Unsupported), error
        assert case.wire.posts == 0

    @needs("no_seed")
    def test_a_seed_stays_here_where_there_is_none(self, case: Case) -> None:
        case.peer.order("fails")
        case.refused(lambda: case.make("seeded [fails]", seed=4711))
        assert not case.asked.get("seed")

    @needs("remix")
    def test_a_remix_names_its_source(self, case: Case) -> None:
        source = case.make("the source")
        case.peer.order("fails")
        remote = case.engine.source_id(source.job_id, PROFILE)
        case.refused(lambda: case.make("at night [fails]", Operation.REMIX, source_id=remote))
        assert case.asked["remix_of"]

    @needs("no_remix")
    def test_a_remix_is_refused_before_anything_is_sent_where_there_is_none(self, case: Case) -> None:
        error = case.refused(lambda: case.make("at night", Operation.REMIX, source_id="video_1"))
        assert isinstance(error, Unsupported), error
        assert case.wire.posts == 0

    @needs("garbage")
    @pytest.mark.parametrize("lost", LOST, ids=["reset", "page", "bytes", "504"])
    def test_whatever_comes_in_place_of_an_answer_is_never_paid_for_again(
        self, case: Case, lost: dict[str, Any]
    ) -> None:
        case.peer.break_answers(lost)
        with case.charging(1):
            for _ in range(2):
                assert isinstance(case.refused(lambda: case.make("lost")), SubmissionUnknown)

    @needs("unknown_model")
    def test_a_model_that_the_server_does_not_have_is_told_as_that(self, case: Case) -> None:
        with case.charging(0):
            error = case.refused(lambda: case.make("by nobody", model="no-such-model"))
        assert isinstance(error, RequestRejected), error
        assert "model" in error.message.lower()

    @needs("wrong_key")
    def test_a_wrong_key_is_told_and_charges_nothing(self, case: Case) -> None:
        with case.charging(0):
            error = case.refused(lambda: case.make("no entry", profile="wrong-key"))
        assert error.kind == case.recipe.wrong_key, error

    @needs("lost_listed")
    def test_a_lost_answer_is_found_in_the_list(self, case: Case) -> None:
        case.wire.lose_answers()
        with case.charging(1):
            assert case.make("lost and found", as_said=True).path.is_file()

    @needs("lost_unlisted")
    def test_a_lost_answer_stays_unknown_and_is_never_sent_again(self, case: Case) -> None:
        case.wire.lose_answers()
        with case.charging(1):
            for _ in range(2):
                assert isinstance(case.refused(lambda: case.make("lost")), SubmissionUnknown)

    @needs("lost_behind")
    def test_an_answer_that_is_lost_behind_a_proxy_is_not_paid_twice(self, case: Case) -> None:
        # not a reset: the proxy itself sends a request again when that happens
        case.peer.break_answers({"do": "status", "status": 504})
        for _ in range(2):
            assert isinstance(case.refused(lambda: case.make("lost on the way")), SubmissionUnknown)
        assert len(case.peer.journal()) == 1

    @needs("restart")
    def test_a_client_that_is_restarted_collects_the_job(self, case: Case) -> None:
        with case.charging(1):
            job = case.submit("slowly [slow 2]")
            case.reopen()
            assert case.resume(job.job_id).path.is_file()

    @needs("forgets")
    def test_a_job_that_a_restarted_server_forgot_is_told_as_that_and_nothing_is_paid_anew(self, case: Case) -> None:
        with case.charging(1):
            job = case.submit("forgotten [slow 20]")
            case.peer.restart()
            case.reopen(LeapingClock())
            error = case.refused(lambda: case.resume(job.job_id))
        assert isinstance(error, JobNotFound), error

    @needs("busy")
    def test_a_busy_server_is_waited_for(self, case: Case) -> None:
        with case.charging(2):
            case.submit("the first one [slow 4]")
            assert case.make("the second one").path.is_file()

    @needs("cancel")
    def test_a_running_job_is_canceled_at_the_server(self, case: Case) -> None:
        case.peer.order("never ends")
        with case.charging(1):
            job = case.submit("never mind [slow 3]")
            canceled = case.engine.cancel(job.job_id).result(30)
        assert canceled.state == "canceled"

    @needs("doctor")
    def test_the_doctor_knows_the_server_and_charges_nothing(self, case: Case) -> None:
        with case.charging(0):
            found = {finding.check: finding for finding in doctor.examine(case.engine, PROFILE)}
            told = "\n".join(f"{each.check}: {each.ok} {each.detail}" for each in found.values())
        assert found["server"].ok, told
        assert case.recipe.model in found["models"].detail, told
        if case.recipe.advice and case.recipe.advice != case.recipe.dialect:
            assert f'dialect = "{case.recipe.advice}"' in found["dialect"].detail, told
        elif case.recipe.advice:
            assert found["dialect"].ok, told

    @needs("doctor_key")
    def test_the_doctor_tells_a_wrong_key_and_advises_nothing_that_does_not_help(self, case: Case) -> None:
        with case.charging(0):
            worst = [finding for finding in doctor.examine(case.engine, "wrong-key") if finding.ok is False]
        assert worst
        assert isinstance(worst[0].error, AuthError), worst
        assert "auth =" not in str(worst[0].error), worst

    @needs("doctor_elsewhere")
    def test_the_doctor_finds_the_dialect_of_a_server_whose_pages_are_elsewhere(self, case: Case) -> None:
        with case.charging(0):
            worst = [finding for finding in doctor.examine(case.engine, PROFILE) if finding.ok is False]
        assert worst
        assert f'dialect = "{case.recipe.advice}"' in str(worst[0].error), worst

    @needs("other_form")
    def test_a_form_that_the_server_does_not_take_is_told_with_the_dialect_to_try(self, case: Case) -> None:
        with case.charging(0):
            error = case.refused(lambda: case.make("in the wrong form"))
        assert isinstance(error, RequestRejected), error
        assert f'"{case.recipe.advice}"' in str(error)

    @needs("dead_worker")
    def test_a_dead_worker_is_told_as_that_and_not_waited_for(self, case: Case) -> None:
        with case.charging(1):
            assert isinstance(case.refused(lambda: case.make("the last one [dies]")), JobFailed)
            error = case.refused(lambda: case.make("one too many"))
        case.peer.restart()
        assert isinstance(error, RequestRejected), error
        assert "restart" in str(error).lower()


def scenarios_of(recipe: Recipe) -> frozenset[str]:
    """The names of the suite's tests that apply to the recipe."""
    found = set()
    for name, test in vars(Conformance).items():
        wanted = [mark.args[0] for mark in getattr(test, "pytestmark", ()) if mark.name == "needs"]
        if wanted and wanted[0] in recipe.can:
            found.add(name.removeprefix("test_"))
    return frozenset(found)


def keys(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("CONFORMANCE_KEY", KEY)
    patch.setenv("SESSION_KEY", f"sess-{KEY}")  # as the Sora web protocol wants to have it
    patch.setenv("WRONG_KEY", WRONG_KEY)
