"""How a file can be handed out badly: torn, packed, re-framed, endless, mislabelled, and with lies.

Each habit takes the good file and gives what answers for it. What has to come of it is said in `test_bytes.py`.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import time
from collections.abc import Callable

from adversary.bytes_server import Asked, Habit, Line

MP4 = "video/mp4"


def honest(whole: bytes, tag: str | None = '"one"') -> Habit:
    """With ranges, as a good file server has them."""

    def answer(asked: Asked, line: Line) -> None:
        named = {"etag": tag} if tag else {}
        if asked.offset and tag and asked.headers.get("if-range") in (None, tag):
            span = f"bytes {asked.offset}-{len(whole) - 1}/{len(whole)}"
            return line.send(206, whole[asked.offset :], content_range=span, content_type=MP4, **named)
        return line.send(200, whole, content_type=MP4, **named)

    return answer


def at_first(bad: Habit, good: Habit, times: int = 1) -> Habit:
    return lambda asked, line: (bad if asked.turn <= times else good)(asked, line)


def _cut(line: Line, body: bytes, keep: int) -> None:
    line.write(body[:keep])
    time.sleep(0.05)
    line.reset()


# torn


def torn_in_the_middle(whole: bytes) -> Habit:
    def bad(asked: Asked, line: Line) -> None:
        line.head(200, content_length=len(whole), content_type=MP4, etag='"one"')
        _cut(line, whole, len(whole) // 2)

    return at_first(bad, honest(whole))


def torn_without_a_tag(whole: bytes) -> Habit:
    def bad(asked: Asked, line: Line) -> None:
        line.head(200, content_length=len(whole), content_type=MP4)
        _cut(line, whole, len(whole) // 3)

    return at_first(bad, honest(whole, None), 2)


def torn_without_a_length(whole: bytes) -> Habit:
    def bad(asked: Asked, line: Line) -> None:
        line.head(200, content_type=MP4, connection="close")
        line.write(whole[: len(whole) // 2])
        line.close()

    return at_first(bad, honest(whole))


def torn_in_a_chunk(whole: bytes) -> Habit:
    def bad(asked: Asked, line: Line) -> None:
        line.head(200, content_type=MP4, transfer_encoding="chunked")
        line.chunk(whole[:70_000])
        line.write(b"ffff\r\n" + whole[70_000:80_000])
        line.reset()

    return at_first(bad, honest(whole))


def torn_all_the_time(whole: bytes) -> Habit:
    """Every answer brings a tenth."""

    def answer(asked: Asked, line: Line) -> None:
        rest = whole[asked.offset :]
        span = f"bytes {asked.offset}-{len(whole) - 1}/{len(whole)}"
        line.head(206 if asked.offset else 200, content_length=len(rest), content_range=span, etag='"one"')
        _cut(line, rest, max(len(whole) // 10, 70_000))

    return answer


# packed


def packed(whole: bytes) -> Habit:
    return lambda asked, line: line.send(200, gzip.compress(whole), content_encoding="gzip", content_type=MP4)


def packed_without_a_length(whole: bytes) -> Habit:
    def answer(asked: Asked, line: Line) -> None:
        line.head(200, content_encoding="gzip", content_type=MP4, connection="close")
        line.write(gzip.compress(whole))
        line.close()

    return answer


def packed_and_torn(whole: bytes) -> Habit:
    def bad(asked: Asked, line: Line) -> None:
        line.head(200, content_encoding="gzip", content_type=MP4, connection="close")
        line.write(gzip.compress(whole)[:-5000])
        line.close()

    return at_first(bad, packed(whole))


def packed_on_the_second_half_only(whole: bytes) -> Habit:
    """The first answer is plain and torn; what goes on from there comes packed, with ranges of the packed bytes."""

    def bad(asked: Asked, line: Line) -> None:
        if not asked.offset:
            line.head(200, content_length=len(whole), content_type=MP4, etag='"one"')
            return _cut(line, whole, len(whole) // 2)
        body = gzip.compress(whole)[asked.offset :]
        span = f"bytes {asked.offset}-{asked.offset + len(body) - 1}/{asked.offset + len(body)}"
        return line.send(206, body, content_encoding="gzip", content_range=span, etag='"one"')

    return at_first(bad, honest(whole), 2)


def packed_in_two_layers(whole: bytes) -> Habit:
    body = gzip.compress(gzip.compress(whole))
    return lambda asked, line: line.send(200, body, content_encoding="gzip, gzip", content_type=MP4)


def packed_in_another_way(whole: bytes) -> Habit:
    return lambda asked, line: line.send(200, whole, content_encoding="br", content_type=MP4)


# re-framed


def part_that_nobody_asked_for(whole: bytes) -> Habit:
    """Always 206, and no tag; torn once."""
    span = f"bytes 0-{len(whole) - 1}/{len(whole)}"

    def bad(asked: Asked, line: Line) -> None:
        line.head(206, content_length=len(whole), content_range=span, content_type=MP4)
        _cut(line, whole, len(whole) // 2)

    return at_first(bad, lambda asked, line: line.send(206, whole, content_range=span, content_type=MP4))


def parts_only(whole: bytes, tag: str | None = None) -> Habit:
    """Never more than a quarter in one answer, asked for or not."""

    def answer(asked: Asked, line: Line) -> None:
        start, end = asked.offset, min(asked.offset + len(whole) // 4 + 1, len(whole))
        named = {"etag": tag} if tag else {}
        line.send(206, whole[start:end], content_range=f"bytes {start}-{end - 1}/{len(whole)}", **named)

    return answer


def part_from_another_place(whole: bytes) -> Habit:
    """What is sent begins elsewhere than was asked, and says so."""

    def answer(asked: Asked, line: Line) -> None:
        if not asked.offset:
            line.head(200, content_length=len(whole), etag='"one"')
            return _cut(line, whole, len(whole) // 2)
        start = asked.offset // 2
        span = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
        return line.send(206, whole[start:], content_range=span, etag='"one"')

    return answer


def part_behind_a_hole(whole: bytes) -> Habit:
    def bad(asked: Asked, line: Line) -> None:
        if not asked.offset:
            line.head(200, content_length=len(whole), etag='"one"')
            return _cut(line, whole, len(whole) // 2)
        start = asked.offset + 1000
        span = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
        return line.send(206, whole[start:], content_range=span, etag='"one"')

    return at_first(bad, honest(whole), 2)


def part_that_does_not_say_which(whole: bytes) -> Habit:
    def bad(asked: Asked, line: Line) -> None:
        if not asked.offset:
            line.head(200, content_length=len(whole), etag='"one"')
            return _cut(line, whole, len(whole) // 2)
        return line.send(206, whole, etag='"one"')

    return at_first(bad, honest(whole), 2)


def part_of_another_file(whole: bytes) -> Habit:
    """It goes on with other bytes under the same tag: only the whole shows that it is no file."""
    other = bytes(reversed(whole))

    def bad(asked: Asked, line: Line) -> None:
        if not asked.offset:
            line.head(200, content_length=len(whole), etag='"one"')
            return _cut(line, whole, len(whole) // 2)
        span = f"bytes {asked.offset}-{len(whole) - 1}/{len(whole)}"
        return line.send(206, other[asked.offset :], content_range=span, etag='"one"')

    return at_first(bad, honest(whole), 2)


def whole_for_a_range(whole: bytes) -> Habit:
    """200 where a range was asked for."""

    def answer(asked: Asked, line: Line) -> None:
        line.head(200, content_length=len(whole), etag='"one"')
        return _cut(line, whole, len(whole) // 2) if asked.turn == 1 else line.write(whole)

    return answer


def no_such_range(whole: bytes) -> Habit:
    def bad(asked: Asked, line: Line) -> None:
        if not asked.offset:
            line.head(200, content_length=len(whole), etag='"one"')
            return _cut(line, whole, len(whole) // 2)
        return line.send(416, b"", content_range=f"bytes */{asked.offset - 7}")

    return at_first(bad, honest(whole), 2)


# endless


def drip(whole: bytes) -> Habit:
    """One byte an answer."""

    def answer(asked: Asked, line: Line) -> None:
        rest = whole[asked.offset :]
        span = f"bytes {asked.offset}-{len(whole) - 1}/{len(whole)}"
        head = 1024 if not asked.offset else 1
        line.head(206 if asked.offset else 200, content_length=len(rest), content_range=span, etag='"one"')
        _cut(line, rest, head)

    return answer


def other_file_each_time(whole: bytes) -> Habit:
    """A new tag with every answer, and each is torn at the same place."""

    def answer(asked: Asked, line: Line) -> None:
        line.head(200, content_length=len(whole), etag=f'"{asked.turn}"')
        _cut(line, whole, len(whole) // 2)

    return answer


def link_to_itself(whole: bytes) -> Habit:
    return lambda asked, line: line.json({"status": "completed", "video_url": f"http://{line.host}{asked.path}"})


def link_to_the_next(whole: bytes) -> Habit:
    return lambda asked, line: line.json({"video_url": f"http://{line.host}/v1/files/{asked.turn}"})


def redirects(whole: bytes) -> Habit:
    return lambda asked, line: line.send(302, b"", location=f"http://{line.host}/v1/files/{asked.turn}")


def without_end(whole: bytes) -> Habit:
    def answer(asked: Asked, line: Line) -> None:
        line.head(200, content_type=MP4, connection="close")
        for chunk in itertools.chain([whole], itertools.repeat(bytes(2**20))):
            line.write(chunk)

    return answer


# mislabelled


def as_type(name: str) -> Callable[[bytes], Habit]:
    return lambda whole: lambda asked, line: line.send(200, whole, content_type=name)


def behind(form: Callable[[str], object]) -> Callable[[bytes], Habit]:
    """JSON, in whatever form, that names where the file is."""

    def habit(whole: bytes) -> Habit:
        def answer(asked: Asked, line: Line) -> None:
            if "/files/" in asked.path:
                return honest(whole)(asked, line)
            return line.json(form(f"http://{line.host}/v1/files/a.mp4"))

        return answer

    return habit


def behind_and_torn(whole: bytes) -> Habit:
    """The file behind the link breaks off, and is gone on with behind the same link."""

    def answer(asked: Asked, line: Line) -> None:
        if "/files/" not in asked.path:
            return line.json({"video_url": f"http://{line.host}/v1/files/a.mp4"}, content_type_="x")
        if asked.offset:
            return honest(whole)(asked, line)
        line.head(200, content_length=len(whole), etag='"one"')
        return _cut(line, whole, len(whole) // 2)

    return answer


def inside(form: Callable[[str], object]) -> Callable[[bytes], Habit]:
    """JSON that holds the file itself."""
    return lambda whole: lambda asked, line: line.json(form(base64.b64encode(whole).decode()))


def page_at_first(whole: bytes) -> Habit:
    page = b"<!doctype html><title>Just a second</title>" + bytes(2000)
    return at_first(lambda asked, line: line.send(200, page, content_type=MP4), honest(whole), 2)


def page_in_the_middle(whole: bytes) -> Habit:
    """What is here already must not be given up for a page."""

    def answer(asked: Asked, line: Line) -> None:
        if asked.turn == 1:
            line.head(200, content_length=len(whole), etag='"one"')
            return _cut(line, whole, len(whole) // 2)
        if asked.turn == 2:
            return line.send(200, b"<!doctype html><title>Back soon</title>", content_type="text/html")
        if not asked.offset:
            return line.reset()  # who has lost the first half gets nothing
        return honest(whole)(asked, line)

    return answer


# lies


def hollow(whole: bytes) -> bytes:
    return whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2)


def garbled(whole: bytes) -> bytes:
    half = len(whole) // 2
    return whole[:half] + bytes((byte * 167 + at * 13) % 256 for at, byte in enumerate(whole[half:]))


def spoiled(by: Callable[[bytes], bytes]) -> Callable[[bytes], Habit]:
    return lambda whole: honest(by(whole))


def spoiled_once(by: Callable[[bytes], bytes]) -> Callable[[bytes], Habit]:
    return lambda whole: at_first(honest(by(whole)), honest(whole))


def longer_than_it_says(whole: bytes) -> Habit:
    """A part that brings more bytes than its range has."""
    span = f"bytes 0-{len(whole) - 1}/{len(whole)}"
    return at_first(lambda asked, line: line.send(206, whole + bytes(5000), content_range=span), honest(whole))


def shorter_than_it_says(whole: bytes) -> Habit:
    span = f"bytes 0-{len(whole) - 1}/{len(whole)}"
    return at_first(lambda asked, line: line.send(206, whole[:-5000], content_range=span), honest(whole))


def empty(whole: bytes) -> Habit:
    return at_first(lambda asked, line: line.send(200, b"", content_type=MP4), honest(whole), 2)
