"""The threads in which files are checked, hashed and put into their places.

They are few on purpose: each of them takes the interpreter's lock again and again, and the engine's loop waits for all
of them whenever it needs it. The default executor stays free for what only waits, as looking up names.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_WORKERS = 2


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_WORKERS, thread_name_prefix="sora-files")


async def in_file_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``work`` returns or raises. One that is canceled ends all the same, unheard."""
    return await asyncio.get_running_loop().run_in_executor(_pool(), functools.partial(work, *args, **kwargs))
