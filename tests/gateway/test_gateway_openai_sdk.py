"""The official client, unmodified, against the gateway."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import av
import openai
import pytest
import pytest_asyncio
from gateway_caller import Caller
from PIL import Image

from sora_core.gateway import Gateway

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")


@pytest_asyncio.fixture
async def client(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/openai/v1", api_key="any", max_retries=0) as client:
        yield client


async def make(client: openai.AsyncOpenAI, prompt: str = "a lighthouse in fog", **extra: object) -> openai.types.Video:
    video = await client.videos.create_and_poll(
        prompt=prompt,
        seconds="1",
        size="128x96",
        **extra,  # type: ignore[arg-type]
    )
    assert video.status == "completed", video
    return video


async def test_create_and_poll_ends_with_a_completed_video(client: openai.AsyncOpenAI) -> None:
    video = await make(client, model="sora-2-pro")
    assert video.id.startswith("video_")
    assert (video.object, video.progress, video.error) == ("video", 100, None)
    assert (video.prompt, video.model, video.seconds, video.size) == (
        "a lighthouse in fog",
        "sora-2-pro",
        "1",
        "128x96",
    )
    assert video.completed_at is not None
    assert video.expires_at is not None
    assert video.created_at <= video.completed_at < video.expires_at


async def test_defaults_are_those_of_the_api(client: openai.AsyncOpenAI) -> None:
    video = await client.videos.create(prompt="x")
    assert (video.model, video.seconds, video.size, video.status) == ("sora-2", "4", "720x1280", "queued")


async def test_retrieve_tells_when_to_ask_again_until_the_end(client: openai.AsyncOpenAI) -> None:
    created = await client.videos.with_raw_response.create(prompt="x", seconds="1", size="128x96")
    assert int(created.headers["openai-poll-after-ms"]) >= 50
    video = await client.videos.poll(created.parse().id)
    ended = await client.videos.with_raw_response.retrieve(video.id)
    assert "openai-poll-after-ms" not in ended.headers
    assert ended.parse() == video


async def test_list_pages_through_all_videos_newest_first(client: openai.AsyncOpenAI) -> None:
    created = [(await client.videos.create(prompt=f"take {n}", seconds="1", size="64x64")).id for n in range(5)]
    page = await client.videos.list(limit=2)
    assert ([video.id for video in page.data], page.has_more) == (created[:2:-1], True)
    assert [video.id async for video in client.videos.list(limit=2)] == created[::-1]
    assert [video.id async for video in client.videos.list(limit=3, order="asc")] == created


async def test_a_list_of_nothing_is_empty(client: openai.AsyncOpenAI) -> None:
    page = await client.videos.list()
    assert (page.data, page.has_more, page.last_id) == ([], False, None)


async def test_download_gives_a_movie_of_the_ordered_size_and_length(
    client: openai.AsyncOpenAI, tmp_path: Path
) -> None:
    video = await make(client)
    content = await client.videos.download_content(video.id)
    path = tmp_path / "video.mp4"
    content.write_to_file(path)
    with av.open(str(path)) as movie:
        stream = movie.streams.video[0]
        assert (stream.width, stream.height, stream.frames) == (128, 96, 24)


@pytest.mark.parametrize(("variant", "kind"), [("thumbnail", "WEBP"), ("spritesheet", "JPEG")])
async def test_download_gives_stills(client: openai.AsyncOpenAI, variant: str, kind: str) -> None:
    video = await make(client)
    content = await client.videos.download_content(video.id, variant=variant)  # type: ignore[arg-type]
    with Image.open(io.BytesIO(content.content)) as still:
        assert still.format == kind
        assert still.width >= 64


async def test_remix_is_a_new_video_that_names_its_source(client: openai.AsyncOpenAI) -> None:
    source = await make(client, model="sora-2-pro")
    remix = await client.videos.remix(source.id, prompt="the same at night")
    assert remix.id != source.id
    assert remix.remixed_from_video_id == source.id
    assert (remix.prompt, remix.model, remix.seconds, remix.size) == ("the same at night", "sora-2-pro", "1", "128x96")
    assert (await client.videos.poll(remix.id)).status == "completed"


async def test_a_deleted_video_is_gone(client: openai.AsyncOpenAI) -> None:
    video = await client.videos.create(prompt="x", seconds="60", size="64x64")
    gone = await client.videos.delete(video.id)
    assert (gone.id, gone.deleted, gone.object) == (video.id, True, "video.deleted")
    with pytest.raises(openai.NotFoundError):
        await client.videos.retrieve(video.id)
    with pytest.raises(openai.NotFoundError):
        await client.videos.delete(video.id)


async def test_a_reference_image_is_seen_in_the_movie(client: openai.AsyncOpenAI, picture: bytes) -> None:
    video = await make(client, input_reference=("first.png", picture, "image/png"))
    content = await client.videos.download_content(video.id)
    with av.open(io.BytesIO(content.content)) as movie:
        frame = next(movie.decode(video=0)).to_ndarray(format="rgb24")
    left, right = frame[40, 10], frame[40, 118]
    assert left[0] > left[2] + 60
    assert right[2] > right[0] + 60


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["sora-2", "sora-2-pro", "preview"]


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"prompt": ""}, "prompt", "empty_string"),
        ({"prompt": "x" * 32_001}, "prompt", "string_above_max_length"),
        ({"prompt": "x", "seconds": "0"}, "seconds", "invalid_value"),
        ({"prompt": "x", "seconds": "61"}, "seconds", "invalid_value"),
        ({"prompt": "x", "seconds": "4.5"}, "seconds", "invalid_value"),
        ({"prompt": "x", "size": "1280"}, "size", "invalid_value"),
        ({"prompt": "x", "size": "129x96"}, "size", "invalid_value"),
        ({"prompt": "x", "size": "62x96"}, "size", "invalid_value"),
        ({"prompt": "x", "size": "2050x96"}, "size", "invalid_value"),
    ],
)
async def test_a_wrong_value_is_refused_by_name_and_not_charged(
    client: openai.AsyncOpenAI, caller: Caller, fields: dict[str, str], param: str, code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.videos.create(**fields)  # type: ignore[arg-type]
    assert (caught.value.param, caught.value.code, caught.value.type) == (param, code, "invalid_request_error")
    assert (await caller.stats())["charges"] == 0


async def test_a_picture_that_is_none_is_refused(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.videos.create(prompt="x", input_reference=("first.png", b"not a picture", "image/png"))
    assert (caught.value.param, caught.value.code) == ("input_reference", "invalid_image")


async def test_content_of_an_unfinished_video_is_not_there_yet(client: openai.AsyncOpenAI) -> None:
    video = await client.videos.create(prompt="x", seconds="60", size="64x64")
    with pytest.raises(openai.NotFoundError) as caught:
        await client.videos.download_content(video.id)
    assert caught.value.code == "video_not_ready"
    with pytest.raises(openai.BadRequestError):
        await client.videos.remix(video.id, prompt="y")


async def test_an_unknown_variant_is_refused(client: openai.AsyncOpenAI) -> None:
    video = await make(client)
    with pytest.raises(openai.BadRequestError) as caught:
        await client.videos.download_content(video.id, variant="gif")  # type: ignore[arg-type]
    assert caught.value.param == "variant"


async def test_an_unknown_video_is_not_found(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="video_nowhere"):
        await client.videos.retrieve("video_nowhere")


async def test_the_key_is_asked_for_and_never_repeated() -> None:
    gateway = Gateway(key="sk-right")
    await gateway.start()
    try:
        base_url = f"{gateway.url}/openai/v1"
        async with openai.AsyncOpenAI(base_url=base_url, api_key="sk-wrong", max_retries=0) as stranger:
            with pytest.raises(openai.AuthenticationError) as caught:
                await stranger.videos.create(prompt="x")
        assert caught.value.code == "invalid_api_key"
        assert "sk-" not in caught.value.message
        async with openai.AsyncOpenAI(base_url=base_url, api_key="sk-right", max_retries=0) as friend:
            assert (await friend.videos.list()).data == []
    finally:
        await gateway.stop()
