"""The command as scripts rely on it: flags, stdout, exit codes. Real processes, a real gateway."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from _command import ROOT, Command, arguments
from _gateway import GatewayProcess
from PIL import Image

KEY = "cli-key-9b3f2c"


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    with GatewayProcess(speed=40, key=KEY) as gateway:
        yield gateway


@pytest.fixture
def command(tmp_path: Path, gateway: GatewayProcess) -> Iterator[Command]:
    command = Command(tmp_path, SORA_TEST_KEY=KEY)
    command.add_profile("own", gateway.openai, key_env="SORA_TEST_KEY")
    yield command
    gateway.fault()


def test_generate_prints_the_path_and_with_json_one_object(command: Command) -> None:
    plain = command("generate", "plain", "--profile", "own", "--seconds", "1", "--size", "64x64")
    assert plain.code == 0
    assert plain.out == f"{command.videos()[0]}\n"
    assert "queued" in plain.err
    facts = command(*arguments("plain json")).json
    assert set(facts) == {
        "job_id", "remote_id", "profile", "path", "seconds", "width", "height", "fps", "reused",
    }  # fmt: skip
    assert facts["width"] == facts["height"] == 64
    assert facts["seconds"] == pytest.approx(2, abs=0.05)
    assert facts["reused"] is False
    assert command(*arguments("plain json")).json == {**facts, "reused": True}


def test_out_names_the_file_and_nothing_is_overwritten(
    command: Command, gateway: GatewayProcess, tmp_path: Path
) -> None:
    out = tmp_path / "named" / "clip.mp4"
    assert command(*arguments("named", "--out", str(out))).json["path"] == str(out)
    assert out.with_suffix(".json").is_file()
    assert command(*arguments("named", "--out", str(out))).json["reused"] is True
    charges = gateway.charges
    taken = command(*arguments("another", "--out", str(out)))
    assert taken.code == 2
    assert "exists already" in taken.err
    copy = tmp_path / "copy.mp4"
    assert command(*arguments("named", "--out", str(copy))).code == 0
    assert copy.read_bytes() == out.read_bytes()
    assert gateway.charges == charges


def test_resume_writes_over_no_file_either(command: Command, tmp_path: Path) -> None:
    made = command(*arguments("resumed to a name")).json
    mine = tmp_path / "mine.mp4"
    mine.write_bytes(b"mine")
    taken = command("resume", made["job_id"], "--out", str(mine))
    assert taken.code == 2
    assert "exists already" in taken.err
    assert mine.read_bytes() == b"mine"
    for _ in range(2):
        assert command("resume", made["job_id"], "--out", made["path"]).out == f"{made['path']}\n"


@pytest.mark.parametrize("empty", ["--remix-of", "--script", "--image-url", "--image", "--character"])
def test_an_empty_value_is_refused_instead_of_paying_for_another_kind_of_video(
    empty: str, command: Command, gateway: GatewayProcess
) -> None:
    charges = gateway.charges
    assert command(*arguments("empty", empty, "")).code == 2
    assert gateway.charges == charges


def test_what_a_stream_cannot_show_is_replaced(command: Command, tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text("[5s] 门 opens", "utf-8")
    command.env["PYTHONIOENCODING"] = "ascii"
    shown = command("script", str(script))
    assert (shown.code, shown.out) == (0, "[5s] ? opens\n"), shown.err


def test_shots_images_and_remixes_reach_the_server(command: Command, gateway: GatewayProcess, tmp_path: Path) -> None:
    from PIL import Image

    image = tmp_path / "ref.bmp"
    Image.new("RGB", (64, 64), "red").save(image)
    shots = command("generate", "all", "--profile", "own", "--shot", "2s: one", "--shot", "[1s] two", "--json")
    assert shots.json["seconds"] == pytest.approx(3, abs=0.05)
    assert "Shot 2:" in gateway.stats()["jobs"][-1]["prompt"]
    assert command(*arguments("from image", "--image", str(image))).code == 0
    remix = command("generate", "remixed", "--profile", "own", "--remix-of", shots.json["job_id"], "--json")
    assert remix.code == 0, remix.err
    assert gateway.requests("remix") == 1
    foreign = command("generate", "remixed", "--profile", "preview", "--remix-of", shots.json["job_id"])
    assert foreign.code == 2
    assert "belongs to profile 'own'" in foreign.err


REFUSED = {
    "blank prompt": (("generate", " ", "--profile", "own"), "prompt is empty"),
    "length": (("generate", "x", "--profile", "own", "--seconds", "61"), "whole seconds from 1 to 60"),
    "no length": (("generate", "x", "--profile", "own", "--seconds", "0"), "whole seconds from 1"),
    "size": (("generate", "x", "--profile", "own", "--size", "wide"), "WIDTHxHEIGHT"),
    "unknown profile": (("generate", "x", "--profile", "nobody"), "available: preview, own"),
    "style that has no place": (("generate", "x", "--profile", "own", "--style", "noir"), "has no place for style"),
    "long prompt": (("generate", "x" * 32_001, "--profile", "own"), "up to 32000"),
    "shot": (("generate", "x", "--profile", "own", "--shot", "soon"), "is not a shot"),
    "image": (("generate", "x", "--profile", "own", "--image", "/no/such.png"), "cannot be read"),
    "usage": (("generate", "x", "--orientation", "diagonal"), "choose from"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_exits_2_before_anything_is_sent_and_says_what_is_allowed(
    case: str, command: Command, gateway: GatewayProcess
) -> None:
    words, message = REFUSED[case]
    before = gateway.stats()["requests"]
    result = command(*words)
    assert result.code == 2
    assert message in result.err
    assert result.out == ""
    assert gateway.stats()["requests"] == before
    assert command.jobs() == []


def test_an_output_folder_that_cannot_be_written_is_refused_before_anything_is_sent(
    command: Command, gateway: GatewayProcess, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    charges = gateway.charges
    result = command(*arguments("x", "--out", str(tmp_path / "file" / "clip.mp4")))
    assert result.code == 2
    assert "cannot be written" in result.err
    assert gateway.charges == charges


def test_a_corrupt_profiles_file_is_named_with_its_line_and_left_as_it_is(command: Command) -> None:
    path = command.home / "profiles.toml"
    broken = path.read_text("utf-8") + "\n[profiles.x\n"
    path.write_text(broken, "utf-8")
    for words in (("generate", "x"), ("profiles", "remove", "own"), ("profiles", "list")):
        result = command(*words)
        assert result.code == 2
        assert f"{path} is not valid TOML" in result.err
        assert f"line {len(broken.splitlines())}" in result.err
    assert path.read_text("utf-8") == broken


SERVER_SAYS = {
    "wrong key": ({"status": 401}, 3, "Check the key"),
    "quota": (
        {"status": 429, "body": {"error": {"code": "insufficient_quota", "message": "broke"}}},
        3,
        "Top up the account",
    ),
    "bad request": ({"status": 400, "body": {"error": {"message": "no such model"}}}, 4, "no such model"),
    "moderation": (
        {"status": 400, "body": {"error": {"code": "moderation_blocked", "message": "no"}}},
        4,
        "Change the prompt or the image",
    ),
    "lost": ({"status": 500}, 5, "forget"),
    "overloaded": ({"status": 503, "headers": {"retry-after": "500"}}, 6, "Try again later"),
}


@pytest.mark.parametrize("case", SERVER_SAYS)
def test_exit_codes_tell_what_the_server_said(case: str, command: Command, gateway: GatewayProcess) -> None:
    answer, code, words = SERVER_SAYS[case]
    gateway.fault({"on": "create", "do": "status", "times": None, **answer})
    charges = gateway.charges
    result = command(*arguments(f"server says {case}"), timeout=90)
    assert result.code == code, result.err
    assert words in result.err
    assert gateway.charges == charges


def test_a_job_that_fails_exits_4_with_the_servers_reason_and_may_be_run_again(
    command: Command, gateway: GatewayProcess
) -> None:
    gateway.fault({"on": "create", "do": "fail", "code": "boom", "message": "the model fell over"})
    failed = command(*arguments("failing"))
    assert failed.code == 4
    assert "the model fell over" in failed.err
    assert command(*arguments("failing")).code == 0


def test_no_server_exits_6_and_nothing_is_pending(command: Command) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    command.add_profile("gone", f"http://127.0.0.1:{port}")
    result = command("generate", "x", "--profile", "gone", "--seconds", "1", timeout=60)
    assert result.code == 6
    assert "no connection could be made" in result.err
    assert [job["state"] for job in command.jobs()] == ["failed"]


def test_jobs_lists_resume_collects_and_forget_frees(command: Command, gateway: GatewayProcess) -> None:
    done = command(*arguments("collect me")).json
    (job,) = command.jobs()
    assert job["job_id"] == done["job_id"]
    assert job["state"] == "delivered"
    assert done["job_id"] in command("jobs").out
    charges = gateway.charges
    for name in (done["job_id"], done["remote_id"]):
        assert command("resume", name, "--json").json["path"] == done["path"]
    assert command("resume", "job_missing").code == 2
    assert gateway.charges == charges
    assert command("forget", done["job_id"]).code == 0
    assert command(*arguments("collect me")).json["job_id"] != done["job_id"]
    assert gateway.charges == charges + 1


def test_a_remote_id_that_was_made_elsewhere_is_collected_with_its_profile(
    command: Command, gateway: GatewayProcess, tmp_path: Path
) -> None:
    remote = command(*arguments("made elsewhere")).json["remote_id"]
    other = Command(tmp_path / "other", SORA_TEST_KEY=KEY)
    other.add_profile("own", gateway.openai, key_env="SORA_TEST_KEY")
    charges = gateway.charges
    assert other("resume", remote).code == 2
    got = other("resume", remote, "--profile", "own", "--json")
    assert Path(got.json["path"]).is_file()
    assert gateway.charges == charges


def test_cancel_tells_the_server_and_says_what_stays_billed(command: Command, gateway: GatewayProcess) -> None:
    from _command import kill, until

    gateway.fault({"on": "create", "do": "stuck"})  # however slow the machine, it is not done before the cancel
    process = command.start(*arguments("cancel me"))
    until(lambda: any(job["remote_id"] for job in command.jobs()))
    kill(process)
    (job,) = command.jobs()
    canceled = command("cancel", job["job_id"])
    assert canceled.code == 0
    assert "may be billed" in canceled.err
    assert gateway.requests("delete") == 1
    assert command.jobs()[0]["state"] == "canceled"
    assert command("cancel", job["job_id"]).code == 2


def test_a_job_that_is_done_is_not_canceled_as_that_would_delete_what_was_paid(
    command: Command, gateway: GatewayProcess
) -> None:
    gateway.fault({"on": "content", "do": "status", "status": 404, "times": None})
    assert command(*arguments("done and not collected")).code == 4
    gateway.fault()
    deleted = gateway.requests("delete")
    (job,) = command.jobs()
    refused = command("cancel", job["job_id"])
    assert refused.code == 2
    assert f"sora-video resume {job['job_id']}" in refused.err
    assert gateway.requests("delete") == deleted
    charges = gateway.charges
    assert command(*arguments("done and not collected")).code == 0
    assert gateway.charges == charges


def test_nothing_is_no_name_of_a_job_to_which_the_server_gave_no_id(command: Command) -> None:
    assert command("image", "a picture").code == 0
    assert not command.jobs()[0]["remote_id"]
    assert command("forget", "").code == 2
    assert command.jobs()[0]["state"] == "delivered"


def test_profiles_are_added_listed_and_removed_and_keys_are_not_shown(command: Command) -> None:
    added = command(
        "profiles", "add", "relay", "--provider", "openai", "--base-url", "https://relay.example/v1", "--key-stdin",
        "--rpm", "10", "--max-jobs", "2", "--extra", "group=vip", stdin="stored-secret-77\n",
    )  # fmt: skip
    assert added.code == 0, added.err
    listed = command("profiles", "list", "--json")
    facts = {each["name"]: each for each in listed.json}
    assert list(facts) == ["preview", "own", "relay"]
    assert facts["relay"]["key"] == "store"
    assert facts["relay"]["requests_per_minute"] == 10
    assert facts["relay"]["extra"] == {"group": "vip"}
    everything = listed.out + command("profiles", "list").out + (command.home / "profiles.toml").read_text("utf-8")
    assert "stored-secret-77" not in everything
    assert command("profiles", "remove", "relay").code == 0
    assert "relay" not in command("profiles", "list").out


def test_a_profile_from_the_environment_is_named_env(gateway: GatewayProcess, tmp_path: Path) -> None:
    command = Command(tmp_path, SORA_BASE_URL=gateway.url + "/openai", SORA_API_KEY=KEY)
    result = command("generate", "from a container", "--profile", "env", "--seconds", "1", "--size", "64x64", "--json")
    assert result.json["profile"] == "env"


DOCTOR = {
    "right": ("{openai}", "SORA_TEST_KEY", 0, "ok   server"),
    "wrong key": ("{openai}", "SORA_WRONG_KEY", 3, "FAIL server"),
    "no key": ("{openai}", "SORA_NO_KEY", 3, "SORA_NO_KEY"),
    "wrong path": ("{url}/nowhere", "SORA_TEST_KEY", 2, 'base_url = "{url}/openai/v1"'),
    "nothing there": ("http://127.0.0.1:9", "SORA_TEST_KEY", 6, "FAIL server"),
}


@pytest.mark.parametrize("case", DOCTOR)
def test_doctor_says_what_is_wrong_and_never_charges(case: str, gateway: GatewayProcess, tmp_path: Path) -> None:
    base_url, key_env, code, words = DOCTOR[case]
    command = Command(tmp_path, SORA_TEST_KEY=KEY, SORA_WRONG_KEY="wrong-key-123")
    command.add_profile("sick", base_url.format(openai=gateway.openai, url=gateway.url), key_env=key_env)
    charges = gateway.charges
    result = command("doctor", "sick", timeout=90)
    assert words.format(url=gateway.url) in result.out + result.err
    assert result.code == code, result.out + result.err
    assert KEY not in result.out + result.err
    assert gateway.charges == charges


def test_quota_of_the_gateway_is_read_as_json(command: Command) -> None:
    quota = command("quota", "own", "--json").json
    assert quota["unit"] == "USD"
    assert quota["total"] == 1000
    assert quota["remaining"] == pytest.approx(quota["total"] - quota["used"])


def test_errors_name_no_secret(command: Command, gateway: GatewayProcess) -> None:
    gateway.fault({"on": "create", "do": "status", "status": 400, "body": {"error": {"message": f"bad key {KEY}"}}})
    result = command(*arguments("echoed"))
    assert result.code == 4
    assert KEY not in result.err + json.dumps(command.jobs())


def test_a_profile_is_edited_and_renamed_with_its_key_and_its_jobs(command):
    added = command(
        "profiles", "add", "relay", "--provider", "openai", "--base-url", "http://127.0.0.1:1/v1", "--key-stdin",
        "--extra", "image_model=x", stdin="key-1\n",
    )  # fmt: skip
    assert added.code == 0
    edited = command("profiles", "edit", "relay", "--rename", "box", "--max-jobs", "2", "--allow-http", "--model", "m")
    assert (edited.code, "key: store" in edited.err) == (0, True)
    facts = {each["name"]: each for each in json.loads(command("profiles", "list", "--json").out)}
    assert "relay" not in facts
    assert (facts["box"]["max_jobs"], facts["box"]["model"], facts["box"]["allow_http"]) == (2, "m", True)
    assert (facts["box"]["key"], facts["box"]["extra"]) == ("store", {"image_model": "x"})
    assert command("profiles", "edit", "box", "--no-allow-http", "--extra", "image_model=").code == 0
    (box,) = (each for each in json.loads(command("profiles", "list", "--json").out) if each["name"] == "box")
    assert (box["allow_http"], box["extra"]) == (False, {})


def test_a_profile_that_is_sent_to_another_server_asks_for_its_key_again(command):
    command("profiles", "add", "relay", "--provider", "openai", "--base-url", "http://127.0.0.1:1/v1", "--key-stdin",
            stdin="key-1\n")  # fmt: skip
    moved = command("profiles", "edit", "relay", "--base-url", "http://127.0.0.1:2/v1")
    assert (moved.code, "key: missing" in moved.err) == (0, True)


def test_what_cannot_be_edited_is_said(command):
    assert command("profiles", "edit", "nowhere", "--model", "m").code == 2
    assert command("profiles", "edit", "own").code == 2
    refused = command("profiles", "edit", "own", "--base-url", "nonsense")
    assert (refused.code, "is not the address" in refused.err) == (2, True)


def test_doctor_tells_scripts_what_it_found(command):
    told = command("doctor", "own", "--json")
    findings = json.loads(told.out)
    assert [each["check"] for each in findings][:3] == ["profile", "key", "server"]
    assert all(set(each) == {"check", "ok", "detail", "error", "advice"} for each in findings)
    assert told.code == 0
    lost = command("doctor", "nowhere", "--json")
    assert (lost.code, json.loads(lost.out)[0]["error"]["kind"]) == (2, "ProfileError")


def test_submit_is_back_with_the_id_and_resume_collects_it(command: Command, gateway: GatewayProcess) -> None:
    charges = gateway.charges
    gateway.fault({"on": "create", "do": "stuck", "seconds": 5})
    asked = ("a long one", "--profile", "own", "--seconds", "2", "--size", "64x64")
    submitted = command("submit", *asked, "--json").json
    assert submitted["remote_id"].startswith("video_")
    assert submitted["state"] in ("queued", "running")
    assert command("submit", *asked).out == f"{submitted['job_id']}\n"
    assert Path(command("resume", submitted["job_id"], "--json").json["path"]).is_file()
    assert command("generate", *asked, "--json").json["reused"] is True
    assert gateway.charges == charges + 1
    refused = command("submit", "x")
    assert refused.code == 2
    assert "ends with it" in refused.err


def test_jobs_are_picked_by_state_and_profile_and_an_empty_list_is_said(command: Command) -> None:
    assert "There are no jobs yet." in command("jobs").err
    assert command("jobs", "--json").json == []
    done = command(*arguments("listed")).json["job_id"]
    assert done in command("jobs", "--state", "delivered", "--profile", "own").out
    for options in (("--state", "live"), ("--state", "unknown"), ("--profile", "preview")):
        none = command("jobs", *options)
        assert (none.out, none.code) == ("", 0)
        assert "There are no such jobs." in none.err
    assert command("jobs", "--cost", "--state", "live").code == 2


def test_a_profile_that_nobody_knows_is_no_empty_list(command: Command) -> None:
    for options in ((), ("--json",), ("--cost",), ("--state", "live")):
        wrong = command("jobs", "--profile", "nobody", *options)
        assert (wrong.code, wrong.out) == (2, "")
        assert "preview, own" in wrong.err
    command(*arguments("of a profile that goes"))
    assert command("profiles", "remove", "own").code == 0
    assert command("jobs", "--profile", "own", "--json").json


def test_a_picture_is_turned_upright_and_fitted_as_the_node_does_it(
    command: Command, gateway: GatewayProcess, tmp_path: Path
) -> None:
    photo, plain = tmp_path / "photo.jpg", tmp_path / "plain.png"
    turned = Image.new("RGB", (200, 100), (10, 200, 30))
    exif = turned.getexif()
    exif[0x0112] = 6  # stored on its side
    turned.save(photo, exif=exif)
    Image.new("RGB", (64, 64), (200, 30, 30)).save(plain)
    asked = ("--profile", "own", "--seconds", "1", "--size", "64x64", "--json")
    fitted = command("generate", "a photo", "--image", str(photo), "--fit", "letterbox", *asked)
    assert "reference 100x200 → 64x64 (letterbox)" in fitted.err
    as_it_is = command("generate", "a picture", "--image", str(plain), *asked)
    assert "reference" not in as_it_is.err
    assert [each.code for each in (fitted, as_it_is)] == [0, 0]
    charges = gateway.charges
    assert command("generate", "a photo", "--image", str(photo), "--fit", "letterbox", *asked).json["reused"] is True
    assert command("generate", "a photo", "--image", str(photo), "--fit", "crop", *asked).json["reused"] is False
    assert gateway.charges == charges + 1


@pytest.mark.parametrize("how", ["-I", "-P" if sys.version_info >= (3, 11) else "-s"])
def test_runs_from_a_folder_of_any_name_however_python_is_started(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "sora video@1.0 (copy)"
    folder.mkdir()
    for name in ("sora_core", "locales"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    env = {**os.environ, "SORA_HOME": str(tmp_path / "home")}
    run = [sys.executable, how, str(folder / "sora_core"), "profiles", "list"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert "preview" in done.stdout


def test_where_it_is_not_installed_errors_name_the_command_that_works(command: Command, tmp_path: Path) -> None:
    command.env["PATH"] = str(tmp_path)
    said = command("resume", "job_nowhere").err
    found = re.search(r"`(.+) jobs` lists the jobs", said)
    assert found, said
    assert found[1] != "sora-video"
    done = subprocess.run(
        [*shlex.split(found[1]), "jobs", "--json"], capture_output=True, text=True, env=command.env, cwd=tmp_path
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]")
