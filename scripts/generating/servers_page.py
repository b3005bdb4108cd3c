"""docs/servers.md, from the cassettes of tests/conformance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from . import ROOT

CASSETTES = ROOT / "tests" / "conformance" / "cassettes"

# a column of the table: the tests of the suite that it stands for
COLUMNS = {
    "video": ("a_video_is_made_and_delivered_and_charged_once",),
    "image": ("an_image_arrives",),
    "two images": ("two_images_arrive",),
    "seed": ("a_seed_arrives",),
    "negative prompt": ("a_negative_prompt_arrives_with_text_alone_and_with_a_picture",),
    "own field": ("a_field_of_the_servers_own_arrives",),
    "references": ("each_reference_arrives_as_it_is_and_in_its_place",),
    "settings": (
        "every_setting_of_the_table_arrives_as_what_it_is",
        "a_setting_that_the_server_does_not_take_is_refused_before_anything_is_sent",
        "what_the_server_says_of_its_own_fields_is_held_to_before_anything_is_sent",
    ),
    "several outputs": ("all_videos_of_one_request_are_delivered_in_their_order_and_charged_once",),
    "work told": ("what_the_server_says_of_its_work_is_shown_and_kept_beside_the_file",),
    "LoRA": (
        "loras_are_listed_and_used_for_everybody_on_a_persons_word_alone",
        "a_lora_is_loaded_and_unloaded_on_a_persons_word_alone",
        "the_loras_that_a_request_can_name_are_told_by_their_paths",
    ),
    "failure told": ("a_failed_job_says_why_and_its_row_is_closed",),
    "refusal told": (
        "a_refusal_is_told_and_charges_nothing",
        "a_model_that_the_server_does_not_have_is_told_as_that",
        "a_form_that_the_server_does_not_take_is_told_with_the_dialect_to_try",
        "a_remix_is_refused_before_anything_is_sent_where_there_is_none",
    ),
    "wrong key": ("a_wrong_key_is_told_and_charges_nothing",),
    "lost answer": (
        "a_lost_answer_is_found_in_the_list",
        "a_lost_answer_stays_unknown_and_is_never_sent_again",
        "an_answer_that_is_lost_behind_a_proxy_is_not_paid_twice",
    ),
    "client restarted": ("a_client_that_is_restarted_collects_the_job",),
    "server restarted": (
        "a_job_that_a_restarted_server_forgot_is_told_as_that_and_nothing_is_paid_anew",
        "a_dead_worker_is_told_as_that_and_not_waited_for",
    ),
    "busy": ("a_busy_server_is_waited_for",),
    "cancel": ("a_running_job_is_canceled_at_the_server",),
    "doctor": (
        "the_doctor_knows_the_server_and_charges_nothing",
        "the_doctor_tells_a_wrong_key_and_advises_nothing_that_does_not_help",
        "the_doctor_finds_the_dialect_of_a_server_whose_pages_are_elsewhere",
    ),
}
HEAD = """# Servers that were tried

This page is written by `scripts/generate` from the recordings in `tests/conformance/cassettes`; do not edit it.

`scripts/servers NAME` installs a published release from PyPI, without its engine, starts its own HTTP layer on
loopback and runs the conformance suite over it. What is in the place of the engine hands out a small clip, and can be
told to fail, to be slow or to die. So this says what the *protocol* of a server does with this client, and nothing of
its pictures. Aquiles-Image, Dynamo and LiteLLM run with every run of the tests; the recordings of all are replayed
there.

yes: all that was tried under this heading passed; **no**: something did not; –: not tried, or nothing that this server,
asked in this way, has. *default* is a profile without a dialect.
"""


def cell(scenarios: dict[str, Any], tests: tuple[str, ...]) -> str:
    outcomes = [scenarios[test]["outcome"] for test in tests if test in scenarios]
    return "–" if not outcomes else "yes" if set(outcomes) == {"passed"} else "**no**"


def page() -> str:
    lines = [["server", "release", "dialect", "last run", *COLUMNS]]
    lines.append(["---"] * len(lines[0]))
    for path in sorted(CASSETTES.glob("*.json")):
        each = json.loads(path.read_text("utf-8"))
        dialect = " ".join(filter(None, (each["dialect"] or "default", each["variant"])))
        head = [each["server"], each["release"], dialect, each["recorded"]]
        lines.append([*head, *(cell(each["scenarios"], tests) for tests in COLUMNS.values())])
    return HEAD + "\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def files() -> Iterator[tuple[str, str]]:
    yield "docs/servers.md", page()
