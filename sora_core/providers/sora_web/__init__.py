"""The Sora web protocol, for servers whose base URL the user names; OpenAI's own has ended and is refused.

Source: "Sora 官方 API 接口文档" v1.0 (2025-01), corrected by what clients of it were seen to send and get
(sora2api, go-sora2api). docs/sora-web.md lists the document chapter by chapter. Peculiar to it:

- The key is an access token, or a session or refresh token that access tokens are made of (`tokens`).
- Every charge and every post wants a proof of work (`sentinel`, `pow`), sent with one stable identity (`identity`).
- A task is looked for in three lists (`tasks`). What is no video has a remote id with its kind in front:
  `image:task_…`, `character:cameo_…`, `post:s_…`, `kept:s_…`.
- A clean link is the one of a post, which is published for it and taken back (`posts`), unless it is to be kept.
"""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from functools import cached_property
from typing import Any

from ...errors import JobNotFound, ProfileError, RequestRejected, SoraError, SubmissionUnknown, Unsupported
from ...models import Capabilities, ClipForm, Effect, Field, Operation, Quota, Snapshot, State
from ...profiles.profiles import Profile, is_proxy
from ...profiles.tokens import TokenStore
from ...requests.kinds import (
    CharacterRequest,
    CleanLinkRequest,
    PictureRequest,
    PromptRequest,
    RemixRequest,
    Request,
    VideoRequest,
)
from ...transport import Call, Http, Reply
from ...transport.retry import ATTEMPTS
from ...urls import holds_login
from .. import _parse_service as parsing
from .. import _relay as relay
from .._answers import normalize
from .._base import Attempt, Provider, unnamed
from .._ended import ENDED_HOSTS
from .._parse_service import parse_service
from . import account, addresses, characters, identity, lookup, posts, sentinel, settings, tasks, tokens
from .bodies import Made, body_of, path_of
from .catalog import DEFAULT_SECONDS, FRAMES, MODELS, ORIENTATIONS, PICTURE_SIZES, settled
from .errors import judged
from .settings import BOARD_TEXTS, told
from .uploads import Uploads

IMAGE, CHARACTER = "image:", "character:"
VIDEOS = frozenset(
    (Operation.TEXT_TO_VIDEO, Operation.IMAGE_TO_VIDEO, Operation.STORYBOARD, Operation.REMIX)
)  # what the lists of pending tasks and drafts show
MOST_IMAGES = 10  # in one request: the document has a list and names no limit
IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp")
SETTINGS = frozenset().union(
    addresses.SETTINGS, characters.SETTINGS, identity.SETTINGS, sentinel.SETTINGS, tokens.SETTINGS, parsing.SETTINGS
)
CAN = Capabilities(
    operations=VIDEOS | {Operation.CREATE_CHARACTER, Operation.CLEAN_LINK, Operation.IMAGE, Operation.ENHANCE_PROMPT},
    seconds=tuple(FRAMES),
    sizes=(),
    size_for={(orientation, quality): "" for orientation in ORIENTATIONS for quality in ("standard", "hd")},
    default_seconds=DEFAULT_SECONDS,
    models=MODELS,
    fields=frozenset((Field.CHARACTERS, Field.STYLE)),
    remix_fields=frozenset((Field.MODEL, Field.SECONDS, Field.ORIENTATION, Field.QUALITY)),
    remix_said=frozenset((Field.SECONDS, Field.ORIENTATION)),
    image_limit=MOST_IMAGES,
    clip_forms=frozenset((ClipForm.FILE, ClipForm.JOB)),
    clip_bytes_limit=characters.CLIP_BYTES,
    picture_sizes=tuple(PICTURE_SIZES.values()),
    picture_size_for={(orientation, "standard"): size for orientation, size in PICTURE_SIZES.items()},
    picture_references=MOST_IMAGES,
    poll_seconds=2.5,
    deadline_seconds=7200.0,
    settings=settings.SETTINGS,
    takes_settings=frozenset((Operation.CLEAN_LINK, Operation.CREATE_CHARACTER)),
    can_list=True,
    has_quota=True,
)


class SoraWeb(Provider):
    """A server that speaks as sora.chatgpt.com did. Holds what belongs to its connection: who it is, open links."""

    name = "sora_web"
    overload = re.compile("heavy_load|too_many_concurrent_tasks")
    never_hosts = ENDED_HOSTS

    def __init__(self, profile: Profile) -> None:
        super().__init__(profile)
        self._identity = identity.Identity(identity.uuid4_of(self.profile.name))
        self._sentinel_proxy = ""
        self._names: dict[str, str] = {}  # cameo id -> what the user calls the character
        self._uploads = Uploads()

    def capabilities(self) -> Capabilities:
        """Raises ProfileError for settings that cannot work."""
        addresses.addresses_of(self.profile)
        self._written_proxy()
        identity.identity_of(self.profile, "")
        tokens.client_of(self.profile)
        characters.visibility_of(self.profile)
        unknown = sorted(set(self.profile.extra) - SETTINGS - set(BOARD_TEXTS))
        if unknown or self.profile.dialect:
            raise ProfileError(
                "sora_web.profile_sora_web_protocol_knows",
                profile=self.profile.name,
                unknown=", ".join(unknown) or "dialects",
                value=", ".join(sorted({*SETTINGS, *BOARD_TEXTS})),
            )
        return CAN

    @property
    def _addresses(self) -> addresses.Addresses:
        return addresses.addresses_of(self.profile)

    @cached_property
    def _lookup(self) -> lookup.Lookup:
        return lookup.Lookup(self.base_url())

    @cached_property
    def _clean_links(self) -> posts.CleanLinks:
        found = self._addresses
        return posts.CleanLinks(found.backend_url, found.home, lambda: parse_service(self.profile))

    def base_url(self) -> str:
        return self._addresses.backend_url

    def named_urls(self) -> tuple[str, ...]:
        return self._addresses.named

    def opened(self, http: Http, token_store: TokenStore) -> None:
        """Takes over the keys of the connection and says who it is. Raises ProfileError, StorageError."""
        found = self._addresses
        device = identity.uuid4_of(f"{token_store.device_id()} {self.profile.name}")
        self._identity = identity.identity_of(self.profile, device)
        self._sentinel_proxy = self._proxy_of_sentinel(token_store)
        home = addresses.origin_of(found.home)
        http.headers = {**self._identity.headers(), "origin": home, "referer": f"{home}/"}
        if self.profile.auth != "none":
            client = tokens.client_of(self.profile)
            http.keys = tokens.Keyring(http, token_store, found, self._identity, client=client)

    def _proxy_of_sentinel(self, token_store: TokenStore) -> str:
        """Independent of the profile's and of everyone's."""
        variable = self.profile.extra.get("sentinel_proxy_env", "").strip()
        if variable:
            return token_store.credentials.proxy_named(variable, self.profile.name).reveal()
        return self._written_proxy()

    def _written_proxy(self) -> str:
        """The one in the profile itself. Raises ProfileError."""
        url = self.profile.extra.get("sentinel_proxy", "").strip()
        if url and (not is_proxy(url) or holds_login(url)):
            raise ProfileError("sora_web.profile_sentinel_proxy_no_address", profile=self.profile.name)
        return url

    def settle(self, request: Request) -> Request:
        """Picks the model, or takes the facts from the one that is named."""
        for image in request.images if isinstance(request, (VideoRequest, PictureRequest)) else ():
            if image.media_type not in IMAGE_TYPES:
                raise Unsupported(
                    "sora_web.image_allowed_png_jpeg_webp", filename=image.filename, media_type=image.media_type
                )
        if isinstance(request, (VideoRequest, RemixRequest, CharacterRequest, CleanLinkRequest)):
            told(request, CAN, self.profile.name)
        if isinstance(request, CharacterRequest):
            characters.check(request)
            return request
        if isinstance(request, CleanLinkRequest):
            if request.source_url and not self._addresses.parse_url:
                raise Unsupported("sora_web.profile_has_no_parse_service", profile=self.profile.name)
            return replace(request, model="")
        if isinstance(request, RemixRequest):
            request = replace(request, source_id=posts.post_id_in(request.source_id))
        return settled(request, self.profile.model)

    def remark(self, request: Request) -> str:
        if isinstance(request, RemixRequest) and not request.orientation:
            return "the shape of this post is not known here: asking for landscape"
        return super().remark(request)

    def sent_prompt(self, request: VideoRequest | RemixRequest) -> str:
        return relay.prompt_text(request)

    def encode_submit(self, request: Request) -> Call:
        """The call that charges, as far as it can be said without uploads and proofs."""
        if isinstance(request, CharacterRequest):
            return characters.encode_create(request, request.source_id)
        if isinstance(request, CleanLinkRequest):
            return posts.encode_publish(request.source_id, self._told(request).get("post_text", ""))
        return self._charge(request, ())

    def _charge(self, request: Made, uploads: tuple[str, ...]) -> Call:
        own = self._told(request) if isinstance(request, (VideoRequest, RemixRequest)) else {}
        body = body_of(request, uploads, {**self.profile.extra, **own})
        return Call("POST", path_of(request), Effect.CHARGE, json=body, timeout=180)

    def _told(self, request: settings.Told) -> dict[str, Any]:
        return told(request, CAN, self.profile.name)

    async def submit(self, http: Http, request: Request, attempt: Attempt) -> Snapshot:
        """One charge. Uploads and reads go before it; a post is taken back after it."""
        if isinstance(request, CleanLinkRequest):
            return await self._clean(http, request, attempt)
        if isinstance(request, CharacterRequest):
            source = await self._lookup.generation_id(http, request.source_id) if request.source_id else ""
            reply = await self.post(http, characters.encode_create(request, source), attempt)
        elif isinstance(request, PromptRequest):
            return _better_prompt(await self.post(http, self._charge(request, ()), attempt))
        else:
            images = () if isinstance(request, RemixRequest) else request.images
            ids = tuple([await self._uploads.id_of(http, image) for image in images])
            try:
                reply = await self._protected(http, self._charge(request, ids), attempt)
            except RequestRejected:
                self._uploads.forget()
                raise
        kinds = {Operation.CREATE_CHARACTER: CHARACTER, Operation.IMAGE: IMAGE}
        snapshot = self.accepted(reply)
        if isinstance(request, CharacterRequest):
            self._names[snapshot.remote_id] = request.name
            snapshot = replace(snapshot, remote_id=characters.with_wishes(snapshot.remote_id, self._told(request)))
        return replace(snapshot, remote_id=kinds.get(request.operation, "") + snapshot.remote_id)

    async def _protected(self, http: Http, call: Call, attempt: Attempt) -> Reply:
        """With a proof of work. One that the server no longer takes proves that nothing was done; there is one more."""
        prover = http.through_proxy(self._sentinel_proxy)
        proof = await sentinel.sentinel_headers(prover, self._addresses, self._identity)
        try:
            return await self.post(http, replace(call, headers=proof), attempt)
        except RequestRejected as error:
            if error.code != "sentinel_block":
                raise
            await attempt.on_refused()
        proof = await sentinel.sentinel_headers(prover, self._addresses, self._identity)
        return await self.post(http, replace(call, headers=proof), attempt)

    def accepted(self, reply: Reply) -> Snapshot:
        value = normalize.parse(reply.body)
        task_id = normalize.text_of(normalize.dig(value, "id")) or normalize.text_of(normalize.dig(value, "task_id"))
        named = Snapshot(State.QUEUED, remote_id=task_id) if task_id else self.named(reply)
        if named is None:
            raise unnamed("submit.no_job", reply, error=normalize.failure_of(reply).message)
        return named

    async def _clean(self, http: Http, request: CleanLinkRequest, attempt: Attempt) -> Snapshot:
        """Through the parse service, or by a post that is taken back at once."""
        service = parse_service(self.profile)
        if request.source_url and service:
            return Snapshot(State.SUCCEEDED, url=await parsing.download_link(http, service, request.source_url))
        wanted = self._told(request)
        keep = bool(wanted.get("keep_post"))
        generation = await self._lookup.generation_id(http, request.source_id)
        try:
            call = posts.encode_publish(generation, wanted.get("post_text", ""))
            reply = await self._protected(http, call, attempt)
        except SubmissionUnknown as error:
            error.text = f"{error.message} The clip may be public now: look at the account's posts on the server."
            raise
        post_id, link, said = posts.post_of(reply)
        self._clean_links.found(post_id, link, said)
        attempt.on_early(self._clean_links.begun(post_id, keep=keep))
        found = await self._clean_links.finish(http, post_id, attempts=ATTEMPTS, keep=keep)
        if found.state is not State.RUNNING:
            return found
        attempt.on_early(found)
        return await self._clean_links.finish(http, post_id, attempts=ATTEMPTS, keep=keep)

    def recall(self, remote_id: str, link: str) -> None:
        if remote_id.startswith((posts.PREFIX, posts.KEPT)):
            self._clean_links.found(posts.post_id_in(remote_id), link)

    def encode_fetch(self, remote_id: str) -> Call:
        return tasks.read(tasks.PENDING)

    def encode_content(self, remote_id: str, snapshot: Snapshot) -> Call:
        """Links are signed by themselves, and refuse a key."""
        if not snapshot.url:
            raise JobNotFound("sora_web.server_names_no_link_result", provider=self.name)
        return Call("GET", snapshot.url, Effect.READ, anonymous=True)

    async def fetch(self, http: Http, remote_id: str, *, attempts: int = 1) -> Snapshot:
        kept = functools.partial(self._clean_links.finish, keep=True)
        kinds = ((IMAGE, self._lookup.picture), (posts.PREFIX, self._clean_links.finish), (posts.KEPT, kept))
        for kind, look in kinds:
            if remote_id.startswith(kind):
                return await look(http, remote_id.removeprefix(kind), attempts=attempts)
        if remote_id.startswith(CHARACTER):
            cameo_id, wanted = characters.wanted_of(remote_id.removeprefix(CHARACTER))
            wanted.setdefault("visibility", characters.visibility_of(self.profile))
            return await characters.look(http, cameo_id, self._names.get(cameo_id, ""), wanted, attempts=attempts)
        return await self._lookup.video(http, remote_id, attempts=attempts)

    def lists(self, operation: Operation) -> bool:
        return operation in VIDEOS

    def encode_list(self, after: str | None) -> Call:
        return tasks.read(tasks.PENDING)

    def decode_list(self, reply: Reply) -> tuple[list[Snapshot], str | None]:
        return lookup.pending_snapshots(reply.body), None

    async def listing(self, http: Http, after: str | None) -> tuple[list[Snapshot], str | None]:
        """The pending tasks and the first drafts, then the other drafts."""
        return await self._lookup.listing(http, after)

    async def quota(self, http: Http) -> Quota:
        return await account.quota(http)

    async def delete_character(self, http: Http, character_id: str) -> None:
        try:
            await http.send(characters.encode_delete(character_id))
        except JobNotFound:
            return

    def judge(self, reply: Reply) -> SoraError:
        return judged(reply, super().judge(reply))


def _better_prompt(reply: Reply) -> Snapshot:
    prompt = normalize.text_of(normalize.dig(normalize.parse(reply.body), "enhanced_prompt"))
    if not prompt:
        raise unnamed("submit.no_prompt", reply)
    return Snapshot(State.SUCCEEDED, result={"prompt": prompt})
