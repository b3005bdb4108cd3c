"""Cases from public reports, each with its kind: the real command against a server that does what was reported.

Those about the bytes of the file itself (parts that nobody asked for, packed files, links in the place of a file,
files that break off) are in `adversary/test_bytes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _command import Command, Result
from adversary import bytes_habits as habits
from adversary.bytes_buyer import Buyer
from adversary.bytes_clips import made
from adversary.bytes_server import Asked, BytesServer, Line

from sora_core.models import Destination


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return made(tmp_path_factory.mktemp("clip"), frames=12)


@pytest.fixture
def server(whole: bytes) -> Iterator[BytesServer]:
    opened = BytesServer(whole, habits.honest(whole))
    yield opened
    opened.close()


@pytest.fixture
def command(tmp_path: Path, server: BytesServer) -> Command:
    ready = Command(tmp_path)
    for name in [*ready.env]:
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT"):
            del ready.env[name]
    ready.add_profile("near", server.url)
    ready.add_profile("far", "https://relay.invalid/v1")
    return ready


def generate(command: Command, profile: str = "near", *more: str) -> Result:
    return command("generate", "a cat", "--profile", profile, "--seconds", "4", *more)


def said(result: Result) -> str:
    assert "Traceback" not in result.err
    return result.out + result.err


# what the environment says


PROXIES = {
    "a desktop's socks": ("all_proxy", "socks://127.0.0.1:1080/"),
    "no port that can be": ("HTTPS_PROXY", "http://127.0.0.1:99999"),
}


@pytest.mark.parametrize("case", PROXIES)
def test_a_proxy_of_the_environment_that_cannot_be_used_is_told_by_its_variable(case: str, command: Command) -> None:
    name, value = PROXIES[case]
    command.env[name] = value
    for words in (("generate", "a cat", "--profile", "far"), ("doctor", "far")):
        done = command(*words)
        assert name in said(done)
        assert done.code == 2
    assert generate(command).code == 0, "a server on this machine needs none"
    assert command("generate", "a cat", "--seconds", "1").code == 0, "nor does the preview"


@pytest.mark.parametrize(
    "value",
    ["localhost,127.0.0.1,::1,fd12:3456:789a::/48", ",,[,]:,[::1]"],
)
def test_exceptions_from_a_proxy_may_be_written_in_any_way(value: str, command: Command) -> None:
    command.env |= {"NO_PROXY": value, "no_proxy": value}
    for words in (("generate", "a cat", "--profile", "far"), ("doctor", "far"), ("quota", "far")):
        done = command(*words)
        assert done.code in (2, 6), said(done)
        assert "relay.invalid" in said(done)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there_are_told_by_their_variable(
    variable: str, command: Command, tmp_path: Path
) -> None:
    command.env[variable] = str(tmp_path / "gone" / "cacert.pem")
    for words in (("generate", "a cat", "--profile", "far"), ("doctor", "far")):
        assert variable in said(command(*words))
    assert generate(command).code == 0, "plain http on this machine needs none"
    assert command("generate", "a cat", "--seconds", "1").code == 0, "nor does the preview"


# keys


@pytest.fixture
def buyer(tmp_path: Path, server: BytesServer, no_settings: None) -> Iterator[Buyer]:
    made = Buyer(tmp_path, server, auth="bearer", key_env="RELAY_KEY")
    yield made
    made.engine.close()


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def give(text: str) -> None:
        monkeypatch.setenv("RELAY_KEY", text)

    give("sk-abcdef123")
    return give


WRAPPED = ('"{}"', "'{}'", "Bearer {}", "bearer  {}", '"Bearer {}"', "Bearer '{}'", "\u201c{}\u201d", "`{}`", " {} ")


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_a_key_goes_out_without_what_it_was_wrapped_in(
    wrapping: str, buyer: Buyer, key: Callable[[str], None], server: BytesServer
) -> None:
    key(wrapping.format("sk-abcdef123"))
    buyer.buy()
    assert [headers["authorization"] for headers in server.charges] == ["Bearer sk-abcdef123"]


@pytest.mark.parametrize("given", ['sk-"abc"def', '"', '""', "Bearer", "two words", "k\u00e9y"])
def test_what_cannot_be_a_key_is_refused_by_its_variable(
    given: str, buyer: Buyer, key: Callable[[str], None], server: BytesServer
) -> None:
    key(given)
    error = buyer.refused()
    assert (error.exit_code, "RELAY_KEY" in error.message, server.charges) == (2, True, [])
    assert given not in error.message or len(given) < 3


# refusals


@pytest.mark.parametrize("status", [301, 307, 308])
@pytest.mark.parametrize("target", ["https://{host}/v1/videos", "http://{host}/v1/videos/", "/other/videos"])
def test_a_redirected_request_is_sent_once_and_its_target_is_named(
    status: int, target: str, buyer: Buyer, key: Callable[[str], None], server: BytesServer
) -> None:
    server.answer = lambda asked, line: line.send(status, b"", location=target.format(host=line.host))
    error = buyer.refused()
    assert target.format(host=server.url.split("/")[2]) in error.message
    assert len(server.charges) == 1


PAGE = b"<!DOCTYPE html><html><head><title>Access denied | relay.example used Cloudflare</title></head></html>"
PAGES = {
    "cloudflare": PAGE,
    "a waf": PAGE.replace(b"Access denied", b"Request blocked by the WAF"),
    "no title": b"<html><body>no</body></html>",
}


@pytest.mark.parametrize("page", PAGES)
def test_a_firewalls_page_is_not_blamed_on_the_key(
    page: str, buyer: Buyer, key: Callable[[str], None], server: BytesServer
) -> None:
    server.answer = lambda asked, line: line.send(403, PAGES[page], content_type="text/html")
    text = str(buyer.refused())
    assert "firewall" in text
    assert "Check the key" not in text
    assert page == "no title" or "relay.example used Cloudflare" in text
    assert len(server.charges) == 1


def test_an_apis_own_403_is_still_about_the_key(buyer: Buyer, key: Callable[[str], None], server: BytesServer) -> None:
    server.answer = lambda asked, line: line.json({"error": {"message": "bad key"}}, 403)
    error = buyer.refused()
    assert (error.exit_code, "Check the key" in str(error)) == (3, True)


TOO_LARGE = {
    "nothing": (b"", 4),
    "an error": (b'{"error": "no"}', 4),
    "a page, which proves nothing": (b"<html><title>413 Request Entity Too Large</title></html>", 5),
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_what_is_too_large_is_called_so(
    case: str, buyer: Buyer, key: Callable[[str], None], server: BytesServer
) -> None:
    body, code = TOO_LARGE[case]
    server.answer = lambda asked, line: line.send(413, body)
    error = buyer.refused()
    assert (error.exit_code, "too large" in error.message) == (code, True)


# a paid job


TROUBLE = {
    "401": ({"error": {"message": "Invalid token"}}, 401),
    "402": ({"error": {"message": "insufficient credits"}}, 402),
    "403": ({"error": {"message": "not allowed"}}, 403),
    "400": ({"error": {"message": "parameter is wrong"}}, 400),
    "a review": ({"error": {"code": "content_policy_violation", "message": "content policy"}}, 400),
}


@pytest.mark.parametrize("at", ["the status", "the file"])
@pytest.mark.parametrize("case", TROUBLE)
def test_trouble_with_a_paid_job_never_says_that_nothing_was_charged(
    case: str, at: str, buyer: Buyer, key: Callable[[str], None], server: BytesServer, whole: bytes
) -> None:
    body, status = TROUBLE[case]

    def refuse(asked: Asked, line: Line) -> None:
        line.json(body, status)

    if at == "the status":
        server.status = refuse
    else:
        server.habit = refuse
    text = str(buyer.refused())
    for words in (
        "nothing was charged",
        "nothing should have been charged",
        "\u672a\u6263\u8d39",
        "\u901a\u5e38\u4e0d\u4f1a",
    ):
        assert words not in text
    assert "resume" in text
    server.status, server.habit = None, habits.honest(whole)
    assert buyer.buy().path.is_file()
    assert len(server.charges) == 1


# names


@pytest.mark.parametrize("name", ["x" * 253 + ".mp4", "\u89c6" * 84 + ".mp4"], ids=["ascii", "letters"])
def test_an_output_that_no_disk_takes_is_bad_input(name: str, command: Command, server: BytesServer) -> None:
    done = generate(command, "near", "--out", str(command.output / name))
    assert (done.code, server.charges) == (2, []), said(done)


def test_a_name_that_just_fits_is_taken_as_it_is(command: Command) -> None:
    out = command.output / ("x" * 251 + ".mp4")
    assert generate(command, "near", "--out", str(out)).code == 0
    assert out.is_file()


@pytest.mark.parametrize(
    "stem", ["x" * 250, "\u89c6" * 90, "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466" * 12]
)
def test_a_long_name_is_cut_and_another_run_gets_the_same_video(
    stem: str, buyer: Buyer, key: Callable[[str], None], server: BytesServer
) -> None:
    first = buyer.buy(Destination(buyer.out, stem))
    assert first.path.name.startswith(stem[:8])
    assert first.path.with_suffix(".json").is_file()
    assert buyer.buy(Destination(buyer.out, "short")).path == first.path
    assert len(server.charges) == 1
