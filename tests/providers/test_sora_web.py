"""The Sora web protocol without a network: facts, bodies, what lists and answers say, addresses, errors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sora_core import errors, texts
from sora_core.conformance.asking import request_of
from sora_core.errors import InvalidRequest, ProfileError, SubmissionUnknown, Unsupported
from sora_core.models import Character, Operation, Shot, State, Upload
from sora_core.profiles.profiles import Profile
from sora_core.providers import provider_for
from sora_core.providers._answers import normalize
from sora_core.providers.sora_web import account, characters, posts, tasks
from sora_core.providers.sora_web.bodies import body_of
from sora_core.providers.sora_web.catalog import CLIPS, MODELS, PICTURES, PROMPTS, STYLES
from sora_core.providers.sora_web.errors import CODES
from sora_core.providers.sora_web.identity import LANGUAGES, identity_of, uuid4_of
from sora_core.providers.sora_web.lookup import Lookup
from sora_core.providers.sora_web.tokens import IOS_CLIENT, claims_of, client_of
from sora_core.requests.kinds import Request
from sora_core.requests.settings import settings_of
from sora_core.transport import Call, Reply

ROOT = Path(__file__).resolve().parent.parent.parent
VECTORS = Path(__file__).parent / "vectors"
BASE = "https://server.example"
PICTURE = Upload(b"\x89PNG", "image/png", "a.png")
CLIP = Upload(b"mp4", "video/mp4", "a.mp4")
POST = "s_690d100857248191b679e6de12db840e"
MIA = Character("p", "mia", "char_1", username="mia.cat")


def profile(**facts: Any) -> Profile:
    return Profile("p", **{"provider": "sora_web", "base_url": BASE, **facts})


def provider(**facts: Any) -> Any:
    return provider_for(profile(**facts))


def ask(operation: Operation = Operation.TEXT_TO_VIDEO, prompt: str = "a cat", **facts: Any) -> Request:
    return request_of(operation, prompt, **facts)


def vector(name: str) -> dict[str, Any]:
    return dict(json.loads((VECTORS / f"{name}.json").read_text("utf-8")))


def body(recorded: dict[str, Any]) -> bytes:
    return json.dumps(recorded["response"]["body"]).encode()


@pytest.mark.parametrize(
    "facts",
    [
        {"prompt": "mia dances", "cast": (MIA,)},
        {
            "operation": Operation.STORYBOARD,
            "prompt": "",
            "shots": (Shot("a door", 4.0), Shot("mia", 6.0)),
            "cast": (MIA,),
        },
        {"operation": Operation.STORYBOARD, "prompt": "noir", "shots": (Shot("a door", 10.0),)},
        {"operation": Operation.REMIX, "prompt": "at night", "source_id": POST},
    ],
    ids=lambda facts: facts["prompt"] or "shots",
)
def test_the_prompt_that_lists_are_searched_for_is_the_one_that_is_sent(facts):
    settled = provider().settle(ask(**facts))
    assert provider().sent_prompt(settled) == provider().encode_submit(settled).json["prompt"]


class TestFacts:
    def test_every_model_of_the_document_says_what_it_makes(self):
        assert len(CLIPS) == 16
        assert len(MODELS) == len(set(MODELS)) == len(CLIPS) + len(PICTURES) + len(PROMPTS) == 22
        for name, clip in CLIPS.items():
            settled = provider().prepared(ask(model=name))
            assert (settled.orientation, settled.seconds, settled.quality) == (
                clip.orientation,
                clip.seconds,
                clip.quality,
            )
            sent = provider().encode_submit(settled).json
            assert (sent["model"], sent["size"], sent["n_frames"]) == (clip.model, clip.size, clip.seconds * 30)

    @pytest.mark.parametrize(
        ("facts", "model"),
        [
            ({}, "sora2-landscape-10s"),
            ({"seconds": 25, "orientation": "portrait"}, "sora2-portrait-25s"),
            ({"seconds": 15, "quality": "hd"}, "sora2pro-hd-landscape-15s"),
        ],
    )
    def test_the_model_follows_from_what_is_asked_for(self, facts, model):
        assert provider().settle(ask(**facts)).model == model

    @pytest.mark.parametrize(
        ("facts", "words"),
        [
            ({"seconds": 25, "quality": "hd"}, "10, 15 seconds"),
            ({"model": "sora2-landscape-10s", "seconds": 15}, "conflicts with seconds 15"),
            ({"model": "sora2-landscape-10s", "orientation": "portrait"}, "conflicts with orientation portrait"),
            ({"model": "gpt-image"}, "makes no videos"),
            ({"style": "cubist"}, "festive"),
        ],
    )
    def test_what_contradicts_is_refused_with_what_is_allowed(self, facts, words):
        with pytest.raises(Unsupported, match=words):
            provider().settle(ask(**facts))

    @pytest.mark.parametrize("name", PICTURES)
    def test_every_picture_model_of_the_document_can_be_named_alone(self, name):
        prepared = provider().prepared(ask(Operation.IMAGE, model=name))
        assert (prepared.model, prepared.size) == (name, "{}x{}".format(*PICTURES[name]))

    def test_the_profiles_own_model_makes_what_it_can_make(self):
        own = provider(model="sora2pro-portrait-25s")
        assert own.settle(ask()).model == "sora2pro-portrait-25s"
        picture = ask(Operation.IMAGE, size="540x360")
        assert own.settle(picture).model == "gpt-image-landscape"

    @pytest.mark.parametrize(("level", "seconds"), [("short", 10), ("medium", 15), ("long", 20)])
    def test_a_prompt_is_written_for_the_length_of_its_level(self, level, seconds):
        settled = provider().settle(ask(Operation.ENHANCE_PROMPT, expansion=level))
        sent = provider().encode_submit(settled).json
        assert sent == {"prompt": "a cat", "expansion_level": level, "duration_s": seconds}
        with pytest.raises(Unsupported, match="10, 15, 20"):
            provider().settle(ask(Operation.ENHANCE_PROMPT, expansion=level, seconds=12))

    def test_styles_are_sent_by_their_name(self):
        for style in STYLES:
            assert provider().encode_submit(provider().settle(ask(style=style))).json["style_id"] == style


class TestBodies:
    def sent(self, request: Request, **facts: Any) -> Any:
        own = provider(**facts)
        return own.encode_submit(own.settle(request))

    def test_a_storyboard_has_every_field_of_the_document(self):
        shots = (Shot("a door", 4.0), Shot("a cat", 6.0))
        call = self.sent(
            ask(Operation.STORYBOARD, "film noir", shots=shots, seconds=10), extra={"audio_caption": "rain"}
        )
        assert call.path == "/nf/create/storyboard"
        assert call.json["prompt"].startswith("current timeline:\nShot 1:\nduration: 4sec\nScene: a door\n\nShot 2:")
        assert call.json["prompt"].endswith("instructions:\nfilm noir")
        assert call.json["title"] == "Draft your video"
        assert call.json["audio_caption"] == "rain"
        assert call.json["video_caption"] is None

    def test_what_a_storyboard_is_told_goes_before_what_the_profile_says(self):
        told = {"title": "Rain", "audio_caption": "wind", "metadata": {"take": 2}, "remix_target_id": POST}
        shots = (Shot("a door", 10.0),)
        request = ask(Operation.STORYBOARD, shots=shots, seconds=10, settings=settings_of(told))
        call = self.sent(request, extra={"audio_caption": "rain", "video_caption": "grey"})
        assert {name: call.json[name] for name in told} == told
        assert call.json["video_caption"] == "grey"

    def test_a_cast_may_stand_in_for_another(self):
        told = settings_of({"cameo_replacements": {"char_2": "char_1"}})
        for operation, facts in ((Operation.TEXT_TO_VIDEO, {}), (Operation.REMIX, {"source_id": POST})):
            call = self.sent(ask(operation, cast=(MIA,), settings=told, **facts))
            assert call.json["cameo_replacements"] == {"char_2": "char_1"}

    @pytest.mark.parametrize(
        ("operation", "told", "said"),
        [
            (Operation.TEXT_TO_VIDEO, {"title": "Rain"}, "cameo_replacements"),
            (Operation.CLEAN_LINK, {"username": "mia"}, "keep_post, post_text"),
            (Operation.CLEAN_LINK, {"keep_post": "maybe"}, "keep_post"),
            (Operation.CREATE_CHARACTER, {"username": "mia cat"}, "letters, digits"),
            (Operation.CREATE_CHARACTER, {"visibility": "friends"}, "public, private"),
            (Operation.STORYBOARD, {"metadata": "text"}, "metadata"),
        ],
    )
    def test_what_a_request_cannot_be_told_is_refused_with_what_it_can(self, operation, told, said):
        facts = {
            Operation.CREATE_CHARACTER: {"source_id": "gen_1", "end": 2},
            Operation.CLEAN_LINK: {"source_id": "gen_1"},
            Operation.STORYBOARD: {"shots": (Shot("a door", 10.0),)},
        }.get(operation, {})
        with pytest.raises((Unsupported, InvalidRequest), match=said):
            provider().prepared(ask(operation, settings=settings_of(told), **facts))

    def test_a_remix_keeps_the_size_of_its_source(self):
        call = self.sent(ask(Operation.REMIX, source_id=f"{BASE}/p/{POST}", cast=(MIA,)))
        assert call.json["remix_target_id"] == POST
        assert call.json["cameo_ids"] == ["char_1"]
        assert "size" not in call.json

    @pytest.mark.parametrize(
        ("asked", "size"),
        [
            ({"quality": "hd"}, "large"),
            ({"quality": "standard"}, "small"),
            ({"model": "sora2pro-hd-portrait-15s"}, "large"),
        ],
    )
    def test_a_remix_in_another_quality_says_so_whole(self, asked, size):
        call = self.sent(ask(Operation.REMIX, source_id=POST, **asked))
        assert call.json["size"] == size
        assert call.json["model"] == ("sy_ore" if size == "large" else "sy_8")

    def test_several_pictures_go_along(self):
        own = provider()
        two = own.prepared(ask(Operation.IMAGE_TO_VIDEO, images=(PICTURE, PICTURE)))
        made = body_of(two, ("media_1", "media_2"), {})
        assert made["inpaint_items"] == [{"kind": "upload", "upload_id": f"media_{number}"} for number in (1, 2)]
        drawn = body_of(own.prepared(ask(Operation.IMAGE, images=(PICTURE, PICTURE))), ("media_1", "media_2"), {})
        assert [item["upload_media_id"] for item in drawn["inpaint_items"]] == ["media_1", "media_2"]

    def test_only_what_was_published_can_be_remixed(self):
        with pytest.raises(InvalidRequest, match="published post"):
            provider().settle(ask(Operation.REMIX, source_id="task_01k"))

    def test_a_character_goes_by_its_id_and_by_its_name(self):
        call = self.sent(ask(prompt="mia dances", cast=(MIA,)))
        assert call.json["cameo_ids"] == ["char_1"]
        assert call.json["prompt"] == "@mia.cat dances"

    def test_a_picture_has_its_size_in_pixels(self):
        call = self.sent(ask(Operation.IMAGE, size="360x540"))
        assert (call.path, call.json["type"], call.json["operation"]) == ("/video_gen", "image_gen", "simple_compose")
        assert (call.json["width"], call.json["height"]) == (360, 540)

    def test_a_character_is_made_of_a_clip_or_of_a_finished_video(self):
        upload = self.sent(ask(Operation.CREATE_CHARACTER, clip=CLIP, start=0.5, end=3))
        assert upload.form == {"timestamps": "0.5,3"}
        finished = self.sent(ask(Operation.CREATE_CHARACTER, source_id="gen_1", end=2.5))
        assert finished.json == {"generation_id": "gen_1", "character_id": None, "timestamps": [0.0, 2.5]}
        with pytest.raises(Unsupported, match="cannot make a character from its address"):
            provider().prepared(ask(Operation.CREATE_CHARACTER, source_url="https://a.example/c.mp4", end=2))

    @pytest.mark.parametrize("answer", [b"{}", b"<html></html>", b"not json", b'{"error": {"message": "no"}}'])
    def test_an_answer_without_a_task_leaves_it_open_whether_there_is_one(self, answer):
        with pytest.raises(SubmissionUnknown):
            provider().accepted(Reply(200, {}, answer, BASE))


class TestWhatListsSay:
    def test_a_pending_task(self):
        recorded = vector("soraweb_pending_v2_progress_pct")
        item = tasks.named(tasks.pending_items(body(recorded)), recorded["context"]["job_id"])
        snapshot = tasks.snapshot_of_item(item)
        assert (snapshot.state, snapshot.progress) == (State.RUNNING, recorded["expect"]["progress"])
        assert snapshot.remote_id == recorded["expect"]["job_id"]

    def test_a_violation_is_a_review(self):
        recorded = vector("soraweb_drafts_content_violation")
        item = tasks.named(tasks.drafts_page(body(recorded)).items, recorded["context"]["job_id"])
        snapshot = tasks.snapshot_of_item(item)
        assert snapshot.state is State.FAILED
        assert snapshot.failure.code == recorded["expect"]["error_code"]
        assert recorded["expect"]["error_message_contains"] in snapshot.failure.message
        assert normalize.job_error_class(snapshot.failure) is errors.ModerationRejected

    def test_a_draft_without_a_link_is_not_there_yet(self):
        recorded = vector("soraweb_drafts_item_without_url")
        item = tasks.named(tasks.drafts_page(body(recorded)).items, recorded["context"]["job_id"])
        assert tasks.snapshot_of_item(item).state is State.RUNNING

    def test_a_character_that_is_ready_says_so_in_its_message(self):
        recorded = vector("soraweb_cameo_status_completed_by_message")
        cameo = recorded["response"]["body"]
        assert characters.state_of(cameo) is State.SUCCEEDED
        name = characters.username_of(cameo["username_hint"], "cameo_1")
        assert re.fullmatch(recorded["expect"]["character_username"] + r"\d{3}", name)
        assert name == characters.username_of(cameo["username_hint"], "cameo_1")
        assert name != characters.username_of(cameo["username_hint"], "cameo_1", 1)

    def test_the_quota_with_the_time_of_its_reset(self):
        recorded = vector("soraweb_nf_check_quota")
        quota = account.quota_of(Reply(200, {}, body(recorded), BASE))
        assert quota.remaining == recorded["expect"]["quota_remaining"]
        assert quota.resets_in == recorded["expect"]["resets_in_s"]

    @pytest.mark.parametrize(
        ("item", "state", "link"),
        [
            (
                {"id": "gen_1", "status": "completed", "video_url": "https://a/v.mp4"},
                State.SUCCEEDED,
                "https://a/v.mp4",
            ),
            (
                {"id": "gen_1", "task_id": "t", "url": "https://a/u", "downloadable_url": "https://a/d"},
                State.SUCCEEDED,
                "https://a/d",
            ),
            (
                {"id": "t", "status": "succeeded", "generations": [{"url": "https://a/i.png"}]},
                State.SUCCEEDED,
                "https://a/i.png",
            ),
            ({"id": "t", "status": "queued"}, State.QUEUED, None),
            ({"id": "t", "status": "pending", "progress": 0.45}, State.QUEUED, None),
            ({"id": "t", "kind": "sora_error", "url": "https://a/u"}, State.FAILED, None),
            ({"id": "t", "status": "failed", "failure_reason": "why"}, State.FAILED, None),
        ],
    )
    def test_both_forms_of_an_item_are_read(self, item, state, link):
        snapshot = tasks.snapshot_of_item(item)
        assert (snapshot.state, snapshot.url) == (state, link)

    def test_all_that_one_task_has_made_is_named_in_its_order(self):
        """As `recent_tasks` has it; what is not there yet, or was refused, has no link."""
        made = [{"id": "gen_1", "url": "/files/1.png"}, {"id": "gen_2"}, {"id": "gen_3", "url": "https://a/3.png"}]
        snapshot = tasks.snapshot_of_item({"id": "t", "status": "succeeded", "generations": [*made, made[2]]})
        assert (snapshot.url, snapshot.further) == ("/files/1.png", ("https://a/3.png",))

    def test_one_that_names_itself_beside_its_generation_is_one(self):
        item = {"id": "t", "status": "completed", "image_url": "https://a/i.png"}
        snapshot = tasks.snapshot_of_item({**item, "generations": [{"url": "https://a/other-rendition.png"}]})
        assert (snapshot.url, snapshot.further) == ("https://a/i.png", ())

    async def test_their_links_are_joined_to_the_server_like_the_first(self):
        made = [{"url": "/files/1.png"}, {"url": "/files/2.png"}]
        listed = {"task_responses": [{"id": "t", "status": "succeeded", "generations": made}]}

        class Lists:
            async def send(self, call: Call, *, attempts: int) -> Reply:
                assert call.path == tasks.RECENT
                return Reply(200, {}, json.dumps(listed).encode(), BASE)

        snapshot = await Lookup("https://sora.example").picture(Lists(), "t", attempts=1)
        assert (snapshot.url, snapshot.further) == (
            "https://sora.example/files/1.png",
            ("https://sora.example/files/2.png",),
        )

    def test_the_link_of_a_post_wherever_it_stands(self):
        attachment = {"downloadable_url": "https://a/d", "download_urls": {"no_watermark": "https://a/clean"}}
        for post, link in (
            ({"id": POST, "video_url": "https://a/v"}, "https://a/v"),
            ({"id": POST, "attachments": [attachment]}, "https://a/clean"),
            ({"id": POST}, ""),
        ):
            found = posts.post_of(Reply(200, {}, json.dumps({"post": post}).encode(), BASE))
            assert found[:2] == (POST, link)
            assert found[2]["id"] == POST


class TestAddresses:
    SETTINGS = ("backend_url", "session_url", "oauth_url", "sentinel_url", "parse_url")

    def test_everything_is_below_the_base_url_unless_it_is_named(self):
        plain = provider(base_url=f"{BASE}/x/")
        assert plain.base_url() == f"{BASE}/x/backend"
        assert plain.named_urls() == (
            f"{BASE}/x/api/auth/session",
            f"{BASE}/x/oauth/token",
            f"{BASE}/x/backend-api/sentinel/req",
        )
        elsewhere = provider(extra={name: f"https://{name[:5]}.example/q" for name in self.SETTINGS})
        assert elsewhere.base_url() == "https://backe.example/q"
        assert "https://parse.example/q" in elsewhere.named_urls()

    @pytest.mark.parametrize(
        "host", ["openai.com", "sora.chatgpt.com", "CHATGPT.com.", "auth.openai.com", "a.b.chatgpt.com:8443"]
    )
    @pytest.mark.parametrize("setting", ["base_url", *SETTINGS])
    def test_hosts_of_the_service_that_ended_are_refused_with_the_date(self, host, setting):
        url = f"https://{host}/x"
        own = provider(base_url=url) if setting == "base_url" else provider(extra={setting: url})
        with pytest.raises(ProfileError, match="2026-04-26"):
            own.base_url()
        with pytest.raises(ProfileError, match="2026-04-26"):
            own.capabilities()

    def test_names_that_only_look_alike_are_let_be(self):
        assert provider(base_url="https://notopenai.com").base_url() == "https://notopenai.com/backend"

    @pytest.mark.parametrize("setting", SETTINGS)
    @pytest.mark.parametrize("url", ["http://far.example/x", "ftp://a.example", "nonsense", "https://u:p@a.example"])
    def test_what_is_no_address_or_readable_on_the_way_is_refused(self, setting, url):
        with pytest.raises(ProfileError, match=setting):
            provider(extra={setting: url}).capabilities()

    def test_a_client_and_its_redirect_belong_together(self):
        assert client_of(profile())[0] == IOS_CLIENT
        web = "pdlLIX2Y72MIl2rhLhTE9VV9bN905kBh"
        assert client_of(profile(extra={"client_id": web}))[1].startswith("https://chatgpt.com/api/auth/")
        with pytest.raises(ProfileError, match="redirect_uri"):
            client_of(profile(extra={"client_id": "another"}))
        assert client_of(profile(extra={"client_id": "another", "redirect_uri": "app://x"})) == ("another", "app://x")

    @pytest.mark.parametrize(
        "extra", [{"colour": "red"}, {"language": "fr-FR"}, {"character_visibility": "some"}, {"client_id": "?"}]
    )
    def test_settings_that_mean_nothing_are_refused(self, extra):
        with pytest.raises(ProfileError):
            provider(extra=extra).capabilities()


class TestIdentity:
    def test_a_profile_is_the_same_client_every_time(self):
        device = uuid4_of("state folder and profile")
        first, second = (identity_of(profile(), uuid4_of("state folder and profile")) for _ in range(2))
        assert first == second
        assert first.headers()["oai-device-id"] == device
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", device)
        assert first.config(BASE)[9] == second.config(BASE)[9]
        assert uuid4_of("another") != device

    def test_the_browser_it_names_is_one_and_the_same(self):
        agent = "Mozilla/5.0 (Linux; Android 15) Chrome/140.0.0.0 Mobile"
        said = identity_of(profile(extra={"user_agent": agent, "language": "zh-CN"}), "d").browser_headers()
        assert said["user-agent"] == agent
        assert '"Chromium";v="140"' in said["sec-ch-ua"]
        assert (said["sec-ch-ua-mobile"], said["sec-ch-ua-platform"]) == ("?1", '"Android"')
        assert set(LANGUAGES) == {"zh-CN", "en-US", "ja-JP", "ko-KR"}

    @pytest.mark.parametrize("token", ["", "eyJ", "eyJ.x", "eyJ.e30", "a.b.c", "eyJ.W10.x"])
    def test_what_is_no_web_token_claims_nothing(self, token):
        assert claims_of(token) == {}


class TestErrors:
    def judged(self, status: int, answer: Any) -> errors.SoraError:
        return provider().judge(Reply(status, {}, json.dumps(answer).encode(), BASE))

    def test_every_code_of_the_document_says_what_to_do(self):
        for language in texts.LANGUAGES:
            known = texts.catalogue(language)
            review = {"content_policy_violation", "safety_filter_triggered"}  # as every review
            assert [code for code in CODES if code not in review and not known[f"sora_web.{code}"]["fix"]] == []

    @pytest.mark.parametrize(
        ("status", "answer", "kind"),
        [
            (400, {"error": "invalid_grant", "error_description": "spent"}, errors.AuthError),
            (401, {"error": {"code": "token_expired", "message": "m"}}, errors.AuthError),
            (403, {"error": {"code": "unsupported_country_code", "message": "m"}}, errors.AuthError),
            (429, {"error": {"code": "rate_limit_exceeded", "message": "m"}}, errors.RateLimited),
            (500, {"error": {"code": "internal_error", "message": "m"}}, errors.ServerError),
            (500, {"error": {"code": "content_policy_violation", "message": "m"}}, errors.ServerError),
            (503, {"error": {"code": "heavy_load", "message": "m"}}, errors.Overloaded),
            (400, {"error": {"code": "heavy_load", "message": "m"}}, errors.Overloaded),
        ],
    )
    def test_what_an_answer_stands_for(self, status, answer, kind):
        assert type(self.judged(status, answer)) is kind


def test_the_table_of_the_documents_names_tests_and_modules_that_exist():
    rows = re.findall(r"^\| ([\w. ]+?) \| .+? \| (.+?) \| `(.+?)` \|$", (ROOT / "docs/sora-web.md").read_text(), re.M)
    chapters = [chapter for chapter, _, _ in rows]
    wanted = {
        f"{part}.{step}"
        for part, steps in zip(range(1, 9), (3, 2, 7, 3, 5, 3, 3, 4), strict=True)
        for step in range(1, steps + 1)
    }
    assert set(chapters) >= wanted | {"9", "10", "Proxies", "User agents", "Errors"}
    core = ROOT / "sora_core"
    for chapter, modules, test in rows:
        file, _, name = test.rpartition("::")
        path = next((ROOT / "tests").rglob(Path(file or "test_sora_web_flow.py").name))
        assert f"def {name}(" in path.read_text("utf-8"), (chapter, test)
        for module in re.findall(r"`(\w+\.py)`", modules):
            places = [
                core / at / module for at in ("providers/sora_web", "providers", "transport", "profiles", "files", ".")
            ]
            assert any(place.exists() for place in places), (chapter, module)
