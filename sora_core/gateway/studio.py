"""Renders animatics beside the server: two threads, equal animatics drawn once, files kept within bounds."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from ..clock import Clock
from .animatic import Animatic
from .clips import DrawnClips

_log = logging.getLogger(__name__)

THREADS = 2
KEEP_UNUSED = 64  # finished files that no job refers to any more
_JOIN_SECONDS = 10.0


@dataclass(eq=False)
class Render:
    """A file in the making. ``done_at`` (seconds since the epoch) or ``error`` is set once, at the end."""

    digest: str
    path: Path
    done_at: float | None = None
    error: str = ""
    users: int = 0
    stop: threading.Event = field(default_factory=threading.Event, repr=False)


class Studio:
    """``order`` and ``release`` are called from one thread; the work is done in others.

    The threads are daemons, and not of an executor: Python waits for those at its exit, and a preview must
    not hold up the end of the program that embeds it.
    """

    def __init__(self, folder: Path, clock: Clock, drawn: DrawnClips | None = None) -> None:
        """``drawn``: where clips of before are looked for, and new ones kept."""
        self._folder = folder
        self._drawn = drawn
        self._clock = clock
        self._renders: OrderedDict[str, Render] = OrderedDict()
        self._waiting: queue.SimpleQueue[tuple[Render, Animatic] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def order(self, animatic: Animatic) -> Render:
        """Starts to draw it, or joins the job that drew it before."""
        render = self._renders.get(animatic.digest)
        if render is None or render.error or not (render.done_at is None or render.path.exists()):
            render = Render(animatic.digest, self._folder / f"{animatic.digest}.mp4")
            self._renders[animatic.digest] = render
            self._waiting.put((render, animatic))
            self._staff()
        self._renders.move_to_end(animatic.digest)
        render.users += 1
        return render

    def release(self, render: Render) -> None:
        """One job less wants it: an unfinished one stops, a finished one may be dropped later."""
        render.users -= 1
        if render.users > 0:
            return
        if render.done_at is None:
            render.stop.set()
            if self._renders.get(render.digest) is render:
                del self._renders[render.digest]
        unused = [other for other in self._renders.values() if not other.users and other.done_at is not None]
        for other in unused[: max(len(unused) - KEEP_UNUSED, 0)]:
            del self._renders[other.digest]
            for path in self._folder.glob(f"{other.digest}*"):  # the movie and its stills
                # Windows does not remove a file that is being sent; it goes with the folder.
                with contextlib.suppress(PermissionError):
                    path.unlink(missing_ok=True)

    def stop(self) -> None:
        """Ends all renders and waits for the threads."""
        for render in self._renders.values():
            render.stop.set()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def _staff(self) -> None:
        """Sees to it that all threads run, also after one has died of a defect."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        while len(self._threads) < THREADS:
            thread = threading.Thread(target=self._work, name="sora-preview", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while True:
            entry = self._waiting.get()
            if entry is None:
                return
            self._draw(*entry)

    def _draw(self, render: Render, animatic: Animatic) -> None:
        # Loaded with the first job: the codec and picture libraries take long to import.
        import av

        from .render import movie

        # A stopped render and its successor of the same digest may be drawn at the same time.
        part = render.path.with_name(f"{render.digest}-{id(render):x}.part")
        # Until it is known to be otherwise, so that a defect fails the job rather than lets it wait for ever.
        done_at, outcome = None, "The preview could not be rendered because of a defect; the log says more."
        try:
            if self._drawn is None or not self._drawn.fetch(render.digest, render.path):
                movie.render(animatic, part, stopped=render.stop.is_set)
                part.replace(render.path)
                if self._drawn is not None:
                    self._drawn.keep(render.digest, render.path)
            done_at, outcome = self._clock.now(), ""
        except movie.Stopped:
            outcome = "The preview was stopped."
        except (ValueError, OSError, av.FFmpegError) as error:
            _log.warning("A preview could not be rendered: %s", error)
            outcome = f"The preview could not be rendered: {error}."
        finally:
            part.unlink(missing_ok=True)
            render.error = outcome
            render.done_at = done_at
