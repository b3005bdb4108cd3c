"""The Sora web protocol from token to file, against the gateway; what was charged is in its books."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from _client import LIGHT, Client, open_client
from _command import Command
from PIL import Image

from sora_core.connections.connection import Connection
from sora_core.engine import Engine
from sora_core.errors import (
    AuthError,
    BadResponse,
    JobFailed,
    ModerationRejected,
    QuotaExceeded,
    RequestRejected,
    SubmissionUnknown,
)
from sora_core.models import Delivery, Operation, Shot, Upload
from sora_core.providers.sora_web import lookup, tasks
from sora_core.requests.kinds import PromptRequest
from sora_core.requests.settings import settings_of

pytestmark = pytest.mark.usefixtures("no_faults")
KEY = "web-key-77aa41"
SESSION = f"sess-{KEY}"
DIALECTS = ("", "document", "finalized", "no-pow", "steep", "beyond", "brief", "late")
POST = "s_690d100857248191b679e6de12db840e"  # somebody's, which the gateway always has
AFTER_ONE = {"on": "create", "do": "fail", "skip": 1}  # that is refused


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    keys = {"WEB_SESSION": SESSION, "WEB_REFRESH": KEY}
    with open_client(tmp_path_factory, "sora_web", key=KEY, profile="web", speed=400, **keys) as client:
        for dialect in DIALECTS:
            add(client, dialect or "web", dialect)
        add(client, "refresh", "brief", key_env="WEB_REFRESH")
        parsing = {"parse_url": f"{client.gateway.url}/sora-web", "parse_token_env": "WEB_REFRESH"}
        add(client, "parsing", extra=parsing)
        yield client


def add(client: Client, name: str, dialect: str = "", key_env: str = "WEB_SESSION", **more: Any) -> None:
    """A profile for one of the ways in which the gateway speaks the protocol."""
    client.add(name, f"/sora-web~{dialect}" if dialect else "/sora-web", key_env=key_env, **more)


@pytest.fixture(scope="module")
def source(client: Client) -> Delivery:
    """The one clip that is really drawn; the others are made to fail."""
    return client.make(LIGHT)


def test_text_becomes_a_video_and_is_paid_once(client, source):
    assert source.path.is_file()
    assert (source.width, source.height, round(source.seconds)) == (1280, 720, 10)
    with client.charging(0):
        assert client.make(LIGHT).reused


def test_a_server_to_the_letter_of_the_document_is_understood(client):
    made = client.make(LIGHT, profile="document")
    assert made.path.is_file()
    assert made.remote_id.startswith("gen_")


def test_what_the_server_says_of_a_clip_is_beside_it(client):
    made = client.make(LIGHT, profile="document")
    said = json.loads(made.path.with_suffix(".json").read_text("utf-8"))["server"]
    assert (said["duration_seconds"], said["orientation"]) == (10, "landscape")
    assert said["thumbnail_url"].endswith(".webp")
    assert "?" not in said["video_url"] + said["thumbnail_url"]


@pytest.mark.parametrize("profile", ["web", "document"])
def test_what_is_asked_for_reaches_the_server(client, picture, profile):
    job = client.ordered("a tower", profile=profile, orientation="portrait", seconds=15, quality="hd", style="anime")
    assert (job["model"], job["size"], job["seconds"]) == ("sy_ore", "1024x1792", 15)
    assert client.ordered("a long one", profile=profile, seconds=25)["model"] == "sy_8"
    assert client.ordered("it moves", Operation.IMAGE_TO_VIDEO, profile=profile, images=(picture,))["has_image"]
    shots = (Shot("a door", 4.0), Shot("a cat", 6.0))
    assert "Shot 2:" in client.ordered("film noir", Operation.STORYBOARD, profile=profile, shots=shots)["prompt"]
    address = f"https://server.example/p/{POST}"
    assert client.ordered("at night", Operation.REMIX, profile=profile, source_id=address)["remix_of"] == POST


@pytest.mark.parametrize("profile", ["web", "document"])
def test_a_picture_comes_from_text_and_from_another_picture(client, picture, profile):
    made = client.make("a tower", Operation.IMAGE, profile=profile)
    with Image.open(made.path) as image:
        assert image.size == (540, 360)
    square = client.make("a tower", Operation.IMAGE, profile=profile, orientation="square", images=(picture,))
    assert (square.width, square.height) == (360, 360)


@pytest.mark.parametrize("profile", ["web", "document"])
def test_a_better_prompt_is_paid_once(client, profile):
    request = PromptRequest("a cat", expansion="long")
    with client.charging(1):
        texts = {client.engine.enhance_prompt(request, profile, lambda progress: None).result(30) for _ in range(2)}
        assert len(texts) == 1
        assert "within 20 seconds" in texts.pop()


class TestUploads:
    def move(self, client: Client, prompt: str, picture: Upload) -> None:
        client.ordered(prompt, Operation.IMAGE_TO_VIDEO, images=(picture,))

    def test_the_same_picture_is_put_there_once(self, client, picture):
        own = replace(picture, data=picture.data + b"once")
        before = client.asked("upload")
        for prompt in ("first use", "second use"):
            self.move(client, prompt, own)
        assert client.asked("upload") == before + 1

    def test_after_a_refusal_it_is_put_there_again(self, client, picture):
        own = replace(picture, data=picture.data + b"again")
        before = client.asked("upload")
        self.move(client, "used", own)
        client.gateway.fault({"on": "create", "do": "refuse", "status": 400, "code": "invalid_request", "times": 1})
        with pytest.raises(RequestRejected):
            client.make("refused", Operation.IMAGE_TO_VIDEO, images=(own,))
        self.move(client, "used anew", own)
        assert client.asked("upload") == before + 2


class TestSentinel:
    def test_a_server_that_wants_no_proof_gets_the_first_one(self, client):
        assert client.ordered("no proof", profile="no-pow")["prompt"] == "no proof"

    def test_a_steep_one_is_found(self, client):
        assert client.ordered("steep", profile="steep")["prompt"] == "steep"

    def test_one_that_nobody_finds_is_refused_before_anything_is_sent(self, client):
        creates, charges = client.asked("create"), client.gateway.charges
        error = client.refused("too steep", profile="beyond")
        assert type(error) is BadResponse
        assert "000000000000000f" in error.message
        assert (client.asked("create"), client.gateway.charges) == (creates, charges)

    def test_a_token_that_is_no_longer_taken_is_made_anew_once(self, client):
        with client.charging(1):
            blocked = {"on": "create", "do": "refuse", "status": 400, "code": "sentinel_block"}
            client.gateway.fault(blocked, AFTER_ONE)
            with pytest.raises(JobFailed):
                client.make("blocked once")
        client.gateway.fault({**blocked, "times": 2})
        assert "sentinel" in client.refused("blocked twice").fix


class TestTokens:
    def read(self, client: Client, profile: str, count: int) -> None:
        """So many jobs at once that all want a token."""
        for handle in [client.engine.quota(profile) for _ in range(count)]:
            assert handle.result(30).remaining

    def test_one_refresh_serves_all_who_wait_and_a_rotated_token_goes_on(self, client):
        before = client.asked("oauth")
        self.read(client, "refresh", 8)
        assert client.asked("oauth") == before + 1
        time.sleep(2.1)  # the tokens of this server live for two seconds
        self.read(client, "refresh", 8)
        assert client.asked("oauth") == before + 2

    def test_another_process_goes_on_with_the_rotated_token(self, client):
        self.read(client, "refresh", 1)
        time.sleep(2.1)
        other = Engine(client.engine.home)
        try:
            assert other.quota("refresh").result(30).remaining
        finally:
            other.close()
        time.sleep(2.1)
        self.read(client, "refresh", 1)  # what the other one rotated is taken from the disk

    def test_no_token_is_readable_on_the_disk(self, client):
        self.read(client, "refresh", 1)
        kept = [path for path in client.engine.home.rglob("*") if path.is_file()]
        assert any(path.suffix == ".sealed" for path in kept)
        for path in kept:
            assert not re.search(rb"rt_[\w-]{20}|eyJ[\w-]{20}|sess-", path.read_bytes())

    def test_a_session_is_asked_once_however_many_wait(self, client):
        add(client, "session", dialect="unrotated")
        before = client.asked("session")
        self.read(client, "session", 8)
        assert client.asked("session") == before + 1

    def test_a_charge_that_an_expired_token_was_refused_for_goes_out_once_more_after_a_refresh(self, client):
        self.read(client, "refresh", 1)
        charges, creates, refreshes = client.gateway.charges, client.asked("create"), client.asked("oauth")
        client.gateway.fault({"on": "create", "do": "refuse", "status": 401, "code": "token_expired"}, AFTER_ONE)
        with pytest.raises(JobFailed):
            client.make("expired", profile="refresh")
        assert client.gateway.charges == charges + 1
        assert client.asked("create") == creates + 2
        assert client.asked("oauth") >= refreshes + 1

    def test_a_token_that_is_refused_again_is_told_to_the_user(self, client):
        client.gateway.fault(
            {"on": "create", "do": "refuse", "status": 401, "code": "token_invalidated", "times": None}
        )
        with client.charging(0):
            assert type(client.refused("refused twice", profile="refresh")) is AuthError

    def test_an_access_token_is_sent_as_it_is_and_cannot_be_renewed(self, client, monkeypatch):
        monkeypatch.setenv("WEB_ACCESS", "eyJhbGciOiJub25lIn0.e30.wrong")
        add(client, "access", key_env="WEB_ACCESS")
        before = client.asked("oauth"), client.asked("session")
        error = client.refused("with a wrong token", profile="access")
        assert type(error) is AuthError
        assert (client.asked("oauth"), client.asked("session")) == before

    def test_a_session_that_has_ended_names_what_to_do(self, client, monkeypatch):
        monkeypatch.setenv("WEB_ENDED", "sess-somebody-elses")
        add(client, "ended", key_env="WEB_ENDED")
        error = client.refused("nobody", profile="ended")
        assert type(error) is AuthError
        assert "profiles key" in error.fix
        assert "somebody-elses" not in str(error)


REFUSALS = [
    (400, "bad_request", RequestRejected),
    (401, "token_invalidated", AuthError),
    (403, "unsupported_country_code", AuthError),
    (400, "phone_number_required", AuthError),
    (429, "rate_limit_exhausted", QuotaExceeded),
    (400, "content_policy_violation", ModerationRejected),
    (400, "safety_filter_triggered", ModerationRejected),
    (403, "challenge", SubmissionUnknown),  # whoever put the page there may have passed the request on
]


@pytest.mark.parametrize(("status", "code", "kind"), REFUSALS, ids=[code for _, code, _ in REFUSALS])
def test_a_refusal_is_told_apart_and_charges_nothing(client, status, code, kind):
    client.gateway.fault({"on": "create", "do": "refuse", "status": status, "code": code, "times": None})
    with client.charging(0):
        error = client.refused(f"refused: {code}")
        assert type(error) is kind
        assert error.fix


def test_a_full_server_is_waited_for_and_pays_once(client):
    client.gateway.fault({"on": "create", "do": "refuse", "status": 400, "code": "heavy_load"}, AFTER_ONE)
    with client.charging(1), pytest.raises(JobFailed):
        client.make("when it is full")


def test_a_violation_and_an_error_of_a_draft_are_told_apart(client):
    client.gateway.fault({"on": "create", "do": "fail", "code": "sora_content_violation", "message": "guardrails"})
    assert type(client.refused("a violation")) is ModerationRejected
    client.gateway.fault({"on": "create", "do": "fail", "code": "sora_error", "message": "it broke"})
    error = client.refused("an error")
    assert type(error) is JobFailed
    assert "it broke" in error.message


def test_a_draft_that_is_late_with_its_link_is_waited_for(client):
    assert client.make(LIGHT, profile="late").path.is_file()


def test_a_draft_that_stays_without_a_link_is_left_for_later_and_not_paid_again(client, monkeypatch):
    monkeypatch.setattr(lookup, "LOOKS_FOR_A_LINK", 0)
    with client.charging(1):
        error = client.refused("a lighthouse by night", profile="late")
        assert error.kind == "NotReady"
        monkeypatch.undo()
        assert client.make("a lighthouse by night", profile="late").path.is_file()


def test_a_task_is_found_beyond_the_first_page_of_drafts(client, source, monkeypatch):
    client.ordered("one more draft")
    monkeypatch.setattr(tasks, "PAGE", 1)

    async def look(connection: Connection) -> Any:
        return await connection.provider.fetch(connection.http, source.remote_id)

    before = client.asked("drafts")
    assert client.engine.ask("web", look).result(30).url
    assert client.asked("drafts") > before + 1


def test_a_lost_answer_is_looked_up_in_the_lists_and_not_paid_again(client):
    client.gateway.fault({"on": "create", "do": "drop", "when": "after"})
    with client.charging(1):
        made = client.make("a lost answer")
        assert made.path.is_file()


def test_a_storyboard_whose_answer_was_lost_is_known_by_its_shots_in_the_lists(client):
    client.gateway.fault({"on": "create", "do": "drop", "when": "after"})
    with client.charging(1):
        shots = (Shot("a door opens", 4.0), Shot("a lost cat", 6.0))
        assert client.make("", Operation.STORYBOARD, shots=shots).path.is_file()


def test_a_lost_answer_about_a_picture_is_never_sent_again(client):
    client.gateway.fault({"on": "create", "do": "drop", "when": "after"})
    with client.charging(1):
        for _ in range(2):
            with pytest.raises(SubmissionUnknown):
                client.make("a lost picture", Operation.IMAGE)


class TestCharacters:
    def test_a_clip_becomes_one_that_videos_can_name(self, client, source):
        clip = Upload(source.path.read_bytes(), "video/mp4", "mia.mp4")
        with client.charging(2):
            mia = client.cast("mia", clip=clip)
            assert mia.character_id.startswith("char_")
            assert mia.username
            assert client.cast("mia again", source_id=source.remote_id).character_id != mia.character_id
        assert f"@{mia.username}" in client.ordered("mia dances", characters=("mia",))["prompt"]

    def test_one_by_the_letter_of_the_document_may_be_public(self, client, source):
        add(client, "showing", dialect="document", extra={"character_visibility": "public"})
        before = client.asked("visibility")
        clip = Upload(source.path.read_bytes(), "video/mp4", "bo.mp4")
        assert client.cast("bo", profile="showing", clip=clip).character_id.startswith("char_")
        assert client.asked("visibility") == before + 1

    def test_it_has_the_user_name_that_was_wished_for_and_can_be_seen_later(self, client, source):
        wishes = settings_of({"username": "ida_of_mine", "visibility": "public"})
        clip = Upload(source.path.read_bytes(), "video/mp4", "ida.mp4")
        before = client.asked("visibility")
        ida = client.cast("ida", clip=clip, start=0.2, end=2.2, settings=wishes)
        assert ida.username == "ida_of_mine"
        assert client.asked("visibility") == before + 1
        again = client.cast("ida 2", clip=clip, start=0.4, end=2.4, settings=wishes)
        assert re.fullmatch(r"ida_of_mine\d{3}", again.username)  # somebody has it already
        done = Command(client.home.parent, WEB_SESSION=SESSION)(
            "character", "visibility", "ida", "private", "--profile", "web"
        )
        assert done.code == 0, done.err
        assert client.asked("visibility") == before + 3

    def test_one_that_is_called_finalized_is_made_a_character_nevertheless(self, client, source):
        clip = Upload(source.path.read_bytes(), "video/mp4", "ada.mp4")
        pictures = client.asked("file_upload")
        assert client.cast("ada", profile="finalized", clip=clip, start=0.5, end=2.5).character_id.startswith("char_")
        assert client.asked("file_upload") == pictures + 1

    @pytest.mark.parametrize("profile", ["web", "document"])
    def test_a_lost_answer_to_the_last_step_loses_no_character(self, client, source, profile):
        clip = Upload(source.path.read_bytes(), "video/mp4", "lea.mp4")
        client.gateway.fault({"on": "character", "do": "drop", "when": "after"})
        charges, finalized = client.gateway.charges, client.asked("finalize")
        lea = client.cast("lea", profile=profile, clip=clip, start=1.0, end=3.0)
        assert lea.character_id.startswith("cameo_")  # stands for the id that was lost
        assert client.asked("finalize") == finalized + 2  # the second is told that it is done
        assert f"@{lea.username}" in client.ordered("lea dances", profile=profile, characters=("lea",))["prompt"]
        assert client.gateway.charges == charges + 1 + 1

    def test_a_lost_answer_to_the_upload_is_not_sent_again(self, client, source):
        clip = Upload(source.path.read_bytes(), "video/mp4", "kim.mp4")
        client.gateway.fault({"on": "create", "do": "drop", "when": "after"})
        with client.charging(1):
            for _ in range(2):
                with pytest.raises(SubmissionUnknown):
                    client.cast("kim", clip=clip, start=0.5, end=2.0)


class TestAPostThatIsKept:
    def test_can_be_remixed_in_its_own_shape_and_is_paid_once(self, client):
        clip = client.make("a lighthouse upright", orientation="portrait", seconds=15)
        keep, deleted = settings_of({"keep_post": True, "post_text": "mine"}), client.asked("unpublish")
        with client.charging(0):
            kept = client.make("", Operation.CLEAN_LINK, source_id=clip.remote_id, settings=keep)
            assert kept.remote_id.startswith("kept:s_")
            assert client.make("", Operation.CLEAN_LINK, source_id=clip.remote_id, settings=keep).reused
        assert client.asked("unpublish") == deleted
        source = client.engine.source_id(kept.job_id, "web")
        job = client.ordered("at night", Operation.REMIX, source_id=source)
        assert job["remix_of"] == kept.remote_id.removeprefix("kept:")
        assert (job["size"], job["seconds"]) == ("720x1280", 15)
        wide = client.ordered("at noon", Operation.REMIX, source_id=source, orientation="landscape", quality="hd")
        assert (wide["model"], wide["size"]) == ("sy_ore", "1792x1024")

    def test_of_another_one_the_shape_is_said_to_be_unknown(self, client):
        client.ordered("at dusk", Operation.REMIX, source_id=POST)
        assert any("asking for landscape" in progress.note for progress in client.seen)


class TestCleanLinks:
    def clean(self, client: Client, profile: str = "web", seed: int = 0, **facts: Any) -> Delivery:
        return client.make("", Operation.CLEAN_LINK, profile=profile, seed=seed, **facts)

    @pytest.mark.parametrize("profile", ["web", "document"])
    def test_a_draft_is_published_read_and_taken_back(self, client, source, profile):
        made = source if profile == "web" else client.make(LIGHT, profile=profile)
        posts, deleted, charges = client.asked("publish"), client.asked("unpublish"), client.gateway.charges
        clean = self.clean(client, profile, source_id=made.remote_id)
        assert clean.path.is_file()
        assert clean.remote_id.startswith("post:s_")
        assert (client.asked("publish"), client.asked("unpublish")) == (posts + 1, deleted + 1)
        assert client.gateway.charges == charges

    def test_a_deletion_that_fails_at_first_is_tried_until_it_works(self, client, source):
        client.gateway.fault({"on": "delete", "do": "status", "status": 500, "times": 2})
        deleted = client.asked("unpublish")
        assert self.clean(client, seed=1, source_id=source.remote_id).path.is_file()
        assert client.asked("unpublish") == deleted + 3

    def test_a_deletion_that_is_refused_names_the_post_and_can_be_tried_again(self, client, source):
        client.gateway.fault({"on": "delete", "do": "refuse", "status": 403, "code": "forbidden", "times": None})
        posts = client.asked("publish")
        with pytest.raises(AuthError) as caught:
            self.clean(client, seed=2, source_id=source.remote_id)
        post_id = (caught.value.remote_id or "").removeprefix("post:")
        assert post_id.startswith("s_")
        assert f"The post {post_id} is still public" in caught.value.message
        assert post_id in caught.value.fix
        client.gateway.fault()
        assert self.clean(client, seed=2, source_id=source.remote_id).path.is_file()
        assert client.asked("publish") == posts + 1

    @pytest.mark.parametrize("profile", ["web", "parsing"])
    def test_a_link_that_was_read_survives_a_failed_deletion_and_the_process(self, client, source, profile):
        """The server tells it once, in the answer to the post, or the parse service as long as the post is there."""
        made = source if profile == "web" else client.make(LIGHT, profile=profile)
        client.gateway.fault({"on": "delete", "do": "refuse", "status": 403, "code": "forbidden", "times": None})
        posts = client.asked("publish")
        with pytest.raises(AuthError):
            self.clean(client, profile, seed=5, source_id=made.remote_id)
        client.engine.close()  # what it had in memory is gone
        client.gateway.fault({"on": "parse", "do": "refuse", "status": 404, "code": "not_found", "times": None})
        assert self.clean(client, profile, seed=5, source_id=made.remote_id).path.is_file()
        assert client.asked("publish") == posts + 1

    def test_a_lost_answer_leads_to_no_second_post(self, client, source):
        client.gateway.fault({"on": "publish", "do": "drop", "when": "after"})
        posts = client.asked("publish")
        for _ in range(2):
            with pytest.raises(SubmissionUnknown, match="may be public now"):
                self.clean(client, seed=3, source_id=source.remote_id)
        assert client.asked("publish") == posts + 1

    def test_the_parse_service_finds_the_clip_behind_an_address(self, client, source):
        posts = client.asked("publish")
        address = f"https://server.example/p/{source.remote_id}"
        assert self.clean(client, "parsing", source_url=address).path.is_file()
        assert client.asked("publish") == posts


@pytest.fixture(scope="module")
def run(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Command:
    command = Command(tmp_path_factory.mktemp("command"), WEB_SESSION=SESSION)
    url = f"{client.gateway.url}/sora-web"
    added = command("profiles", "add", "web", "--provider", "sora_web", "--base-url", url, "--key-env", "WEB_SESSION")
    assert added.code == 0, added.err
    return command


class TestTheCommand:
    def test_the_account_is_shown_whole(self, run):
        shown = run("account", "show", "--profile", "web", "--json").json
        assert shown["user"]["email"]
        assert shown["subscriptions"][0]["plan"] == "chatgpt_plus"
        assert shown["invite"] == {"code": "SORA-PREV-IEW1", "used": 2, "total": 5}
        assert shown["quota"]["remaining"] > 0
        assert shown["quota"]["resets_in"] > 0
        text = run("account", "show", "--profile", "web").out
        assert "used 2 of 5" in text
        assert "ChatGPT Plus until 20" in text

    def test_it_is_activated_invited_and_named(self, run):
        for words in (("activate",), ("invite", "SORA-AAAA-BBBB"), ("username", "set", "tester")):
            done = run("account", *words, "--profile", "web")
            assert done.code == 0, done.err
        assert run("account", "show", "--profile", "web", "--json").json["user"]["username"] == "tester"
        for name, is_free in (("somebody_new", True), ("sora", False)):
            answer = run("account", "username", "check", name, "--profile", "web", "--json")
            assert answer.json == {"available": is_free}

    def test_a_wrong_invitation_is_told(self, run):
        refused = run("account", "invite", "nonsense", "--profile", "web")
        assert refused.code == 3
        assert "not valid" in refused.err

    def test_other_protocols_have_no_account(self, run):
        assert run("account", "show", "--profile", "preview").code == 2

    def test_the_doctor_finds_nothing_wrong(self, run):
        seen = run("doctor", "web")
        assert seen.code == 0, seen.out + seen.err
        assert "videos left" in seen.out

    DOCTOR: dict[str, tuple[str, str, int, str]] = {  # noqa: RUF012 (path, key, exit code, words)
        "a wrong session": ("/sora-web", "sess-nobody", 3, "Sign in again and store the new token"),
        "a wrong refresh token": ("/sora-web", "rt_nobody-at-all", 3, "is not valid or has expired"),
        "an ended access token": (
            "/sora-web",
            "eyJhbGciOiJub25lIn0.eyJleHAiOiAxNzAwMDAwMDAwfQ.c2ln",  # {"exp": 1700000000}
            3,
            "ends at 2023-11-14 22:13:20 UTC",
        ),
        "a wrong path": ("/nowhere", SESSION, 6, "/nowhere/api/auth/session does not exist"),
        "no path at all": ("", SESSION, 6, "is the server's origin"),
    }

    @pytest.mark.parametrize("case", DOCTOR)
    def test_the_doctor_says_what_is_wrong(self, run, client, case):
        path, key, code, words = self.DOCTOR[case]
        run.env["WEB_SICK"] = key
        name = case.replace(" ", "-")
        url = client.gateway.url + path
        run("profiles", "add", name, "--provider", "sora_web", "--base-url", url, "--key-env", "WEB_SICK")
        seen = run("doctor", name)
        assert (seen.code, words in seen.out) == (code, True), seen.out + seen.err
        assert key not in seen.out + seen.err

    def test_the_doctor_knows_a_page_that_wants_a_human(self, run, client):
        challenge = {"do": "refuse", "status": 403, "code": "challenge", "times": None}
        client.gateway.fault(*({**challenge, "on": operation} for operation in ("retrieve", "list", "quota")))
        seen = run("doctor", "web")
        assert seen.code == 6
        assert "not worked around" in seen.out

    def test_a_character_is_made_of_a_clip_and_taken_off_the_server(self, run, client, source):
        made = run("character", "create", "zoe", "--profile", "web", "--video", str(source.path), "--end", "2")
        assert made.code == 0, made.err
        before = client.asked("forget")
        done = run("character", "delete", "zoe", "--profile", "web", "--remote")
        assert done.code == 0, done.err
        assert client.asked("forget") == before + 1
        assert run("character", "list", "--json").json == []

    def test_a_kill_right_after_the_post_leaves_a_job_that_takes_it_back(self, run, client, source):
        posts, deleted = client.asked("publish"), client.asked("unpublish")
        words = ("clean", source.remote_id, "--profile", "web", "--confirm-rights", "--json")
        run.start(*words, kill_at=("record_submitted", "after")).communicate(timeout=60)
        assert (client.asked("publish"), client.asked("unpublish")) == (posts + 1, deleted)
        (job,) = [job for job in run.jobs() if job["operation"] == "clean_link"]
        ended = run("resume", job["job_id"])
        assert ended.code == 0, ended.err  # the link was on the disk before the process died
        assert (client.asked("publish"), client.asked("unpublish")) == (posts + 1, deleted + 1)


def test_every_page_of_the_document_was_asked_for(client):
    """Runs last in this file: what the tests above have called, by the gateway's books."""
    pages = (
        "session oauth sentinel me subscriptions invite quota activate accept_invite check_username set_username "
        "upload character file_upload image create storyboard enhance pending drafts recent publish unpublish parse "
        "cameo finalize visibility forget content"
    )
    assert [page for page in pages.split() if not client.asked(page)] == []
