"""What the nodes that end in a video share: outputs, and how a delivered video becomes them."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..sora_core.engine import Handle
from ..sora_core.errors import InvalidRequest, SoraError
from ..sora_core.ledger.row import DELIVERED, Job
from ..sora_core.models import Delivery
from . import _host as host
from ._checking import Asked, refusal
from ._comfy import InputImpl, io
from ._engine import engine
from ._linked import Written
from ._paths import destination_of, shown_in_player
from ._requests import identity_of
from ._results import final_results_key, gave_file, went_unfinished
from ._takes import Takeable, reports_of, takes_of
from ._waiting import FOUND_EVENT, SLICE_SECONDS, Reports, in_thread, wait_for

_SKIPPED = (
    "frames is set to 'skip', so there are no frames and no audio here. Set it to 'auto' or 'decode' and run again; "
    "nothing is charged for that.\n"
    "frames 设为 skip，此处没有画面与音频；改为 auto 或 decode 后重新运行即可，不会再次扣费。"
)
_SUBMITTED = (
    "wait is off, so job {job} was submitted and there is no video here yet. Run again later, or connect job_id to "
    "Sora Resume Job; nothing is charged for that.\n"
    "wait 已关闭：任务 {job} 已提交，此处还没有视频。稍后重新运行，或将 job_id 连接到 Sora 恢复任务即可，不会再次扣费。"
)

_DECODING = threading.Lock()  # one after the other: each must see how much memory those before it have taken
Execute = Callable[..., Awaitable[io.NodeOutput]]


class VideoNode(io.ComfyNode):
    """Base of the nodes that end in a video."""

    @classmethod
    def asked(cls, profile: str, written: Written) -> Asked | None:
        """What is asked for, as far as it is known when it is queued. Raises SoraError."""
        return None

    @classmethod
    def validate_inputs(cls, profile: str | None = None) -> bool | str:
        return refusal(cls, profile, cls.asked)

    @classmethod
    def fingerprint_inputs(cls, profile: str | None = None, **_: Any) -> str:
        return f"{final_results_key(cls.hidden.unique_id)} {identity_of(profile)}"


def video_outputs() -> list[io.Output]:
    """Each hands on a list with one value for each job; a list of one is to ComfyUI what a single value is."""
    return [
        io.Video.Output("video", tooltip="The file that was delivered, as a video.", is_output_list=True),
        io.Image.Output(
            "frames",
            tooltip="Decoded frames [N,H,W,3], 0..1. Decoded only when connected (frames = auto).",
            is_output_list=True,
        ),
        io.Audio.Output(
            "audio", tooltip="The sound track; silence of the clip's length when it has none.", is_output_list=True
        ),
        io.Float.Output("fps", tooltip="Frames per second of the frames output.", is_output_list=True),
        io.String.Output("video_path", tooltip="Absolute path of the file.", is_output_list=True),
        io.String.Output(
            "job_id", tooltip="Our id of the job; Resume Job and the command take it.", is_output_list=True
        ),
    ]


def video_hidden() -> list[io.Hidden]:
    return [io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id]


@dataclass(frozen=True)
class Result:
    """Of one job: the outputs in their order, and what the history shows."""

    outputs: tuple[Any, ...]
    text: tuple[str, ...]
    images: Sequence[dict[str, str]] = ()


def list_output(results: Sequence[Result]) -> io.NodeOutput:
    columns = zip(*(result.outputs for result in results), strict=True)
    return io.NodeOutput(*(list(column) for column in columns), ui=_shown(results))


def _shown(results: Sequence[Result]) -> dict[str, Any]:
    # always the same names: ComfyUI merges those of a list by the first one's
    return {
        "images": [image for result in results for image in result.images],
        "animated": (True,),
        "text": tuple(text for result in results for text in result.text),
    }


def one_branch(execute: Execute) -> Execute:
    """For the execute of a VideoNode: what goes wrong before its jobs begin ends it, as ``on_error`` says."""

    @functools.wraps(execute)
    async def decided(cls: type[VideoNode], *args: Any, **options: Any) -> io.NodeOutput:
        try:
            return await execute(cls, *args, **options)
        except SoraError as error:
            return await side_by_side([_raising(error)], cls.hidden, options)

    return decided


async def _raising(error: SoraError) -> list[Result]:
    raise error


async def side_by_side(
    works: Sequence[Awaitable[Sequence[Result]]], hidden: Any, options: Mapping[str, Any], seeds: Sequence[int] = ()
) -> io.NodeOutput:
    """The results in their order. All are waited for; then what failed is raised, or blocked, as ``on_error`` says.

    ``seeds`` are those of the works, where they are takes.
    """
    ended = await asyncio.gather(*works, return_exceptions=True)
    failures = {number: each for number, each in enumerate(ended) if isinstance(each, BaseException)}
    for each in failures.values():
        if not isinstance(each, SoraError):  # an interrupt before a failure
            raise each
    if failures and options.get("on_error", "raise") != "block":
        # a failure in the very first step would make ComfyUI drop the others of the list instead of waiting for them
        await asyncio.sleep(SLICE_SECONDS)
        raise _with_others(failures, seeds)
    made = [[_blocked(each, hidden)] if isinstance(each, BaseException) else each for each in ended]
    return list_output([result for results in made for result in results])


def _with_others(failures: Mapping[int, Any], seeds: Sequence[int]) -> SoraError:
    """The first failure; of takes, with a word on the others."""
    first: SoraError = next(iter(failures.values()))
    if len(seeds) > 1:
        failed = ", ".join(str(seeds[number]) for number in failures)
        said = "takes.all_failed" if len(failures) == len(seeds) else "takes.some_failed"
        first.add(said, count=len(seeds), failed=len(failures), seeds=failed)
    return first


def _blocked(error: Any, hidden: Any) -> Result:
    went_unfinished(hidden.unique_id)
    return Result((host.blocked(str(error)),) * 6, ("", error.job_id or "", str(error)))


async def generate(
    request: Takeable, profile: str, options: dict[str, Any], hidden: Any, *, note: str = ""
) -> io.NodeOutput:
    """A video of every take, side by side, or with ``wait`` off their jobs.

    ``note`` is shown with them: what became of an image on its way.
    """
    takes = takes_of(request, options.get("takes", 1))
    shown = reports_of(len(takes))
    works = [
        _generate(take, profile, options, hidden, reports, note) for take, reports in zip(takes, shown, strict=True)
    ]
    return await side_by_side(works, hidden, options, [take.seed for take in takes])


async def _generate(
    request: Takeable, profile: str, options: dict[str, Any], hidden: Any, reports: Reports, note: str
) -> list[Result]:
    destination = destination_of(options.get("filename_prefix", "video/sora"), hidden)
    if options.get("wait", True):
        handle = engine().generate(request, profile, destination, reports)
    else:
        job = await wait_for(engine().submit(request, profile, destination, reports), reports, to_the_end=False)
        if job.state != DELIVERED:
            return [_submitted(job, hidden)]
        handle = engine().resume(job.job_id, profile, destination, reports)
    return await deliver(handle, reports, options, hidden, note=note)


def _submitted(job: Job, hidden: Any) -> Result:
    went_unfinished(hidden.unique_id)
    note = f"submitted · job {job.job_id}" + (f" · remote id {job.remote_id}" if job.remote_id else "")
    nothing = host.blocked(_SUBMITTED.format(job=job.job_id))
    return Result((*[nothing] * 5, job.job_id), ("", job.job_id, note))


async def deliver(
    handle: Handle[Delivery], reports: Reports, options: dict[str, Any], hidden: Any, *, note: str = ""
) -> list[Result]:
    """Waits for the job and hands out its video, or each that it made, with frames and audio when they are wanted."""
    delivery = await wait_for(handle, reports)
    if delivery.reused:
        host.tell_node(FOUND_EVENT, {"job_id": delivery.job_id})
    if not delivery.fps:
        raise InvalidRequest("node.job_made_picture_no_video", job=delivery.job_id, path=delivery.path)
    each = [replace(delivery, path=path, further=()) for path in (delivery.path, *delivery.further)]
    return [await _handed_out(one, options, hidden, note if one is each[0] else "") for one in each]


async def _handed_out(delivery: Delivery, options: Mapping[str, Any], hidden: Any, note: str) -> Result:
    gave_file(hidden.unique_id, delivery.path)
    frames: Any = host.blocked(_SKIPPED)
    audio: Any = frames
    fps = (options.get("force_rate", 0.0) or delivery.fps) / options.get("frame_step", 1)
    notes = [note] if note else []
    if options.get("frames", "auto") != "skip":
        decoded = await in_thread(functools.partial(_decode, delivery, options))
        frames, fps = decoded.frames, decoded.fps
        audio = {"waveform": decoded.waveform, "sample_rate": decoded.sample_rate}
        notes += decoded.notes
    worked = await in_thread(functools.partial(engine().work_told, delivery.job_id))
    notes += [worked] if worked else []
    path = str(delivery.path)
    return Result(
        (InputImpl.VideoFromFile(path), frames, audio, fps, path, delivery.job_id),
        (path, delivery.job_id, *notes),
        shown_in_player(delivery.path),
    )


def _decode(delivery: Delivery, options: Mapping[str, Any]) -> Any:
    from ..sora_core.media.video import decode

    with _DECODING:
        return decode(
            delivery.path,
            max_frames=options.get("max_frames", 0),
            frame_step=options.get("frame_step", 1),
            force_rate=options.get("force_rate", 0.0),
            interrupted=host.interrupted,
        )
