"""README is for a person who has three minutes; each of its claims is held by a test or a figure."""

from __future__ import annotations

import re

import pytest
from _documents import READMES, ROOT, examples, read, rows, shape

import sora_core
from sora_core.providers import PROVIDERS

MOST_WORDS = 1300
MOST_SIGNS = 2200  # of Chinese: what as many English words take
PREFIX = "tests/"
# What README says -> the tests that hold it ("file::name", or a page of figures). Each row of its table of charges and
# each promise in bold is here.
CLAIMS = {
    "You never pay twice for one request, and you never lose a job you paid for.": (
        "adversary/test_adversary.py::test_nobody_pays_twice_and_nothing_paid_for_is_lost",
        "campaign/test_campaign.py::test_under_random_faults_and_kills_nobody_pays_twice_and_nothing_paid_for_is_lost",
    ),
    "**Your own server**": ("conformance/test_real_servers.py::", "conformance/test_cassettes.py::"),
    "The key stays in its store and never enters a workflow.": (
        "comfyui/page/test_nodes_on_the_page.py::test_no_key_is_in_the_page_nor_in_what_the_page_is_given",
    ),
    "**`preview`**": ("comfyui/test_nodes.py::test_the_preview_profile_needs_no_key_and_no_network",),
    "There is a [template](docs/templates.md) for every kind of work": (
        "test_examples.py::test_each_has_workflow_picture_and_twin_and_there_are_no_others",
    ),
    "Every node has a help page in ComfyUI": ("test_locales.py::test_explains_every_input_and_output_and_no_other",),
    "Drop a finished MP4 on the canvas to get its graph back.": (
        "comfyui/page/test_nodes_on_the_page.py::test_the_saved_file_dropped_on_an_empty_canvas_restores_the_graph",
    ),
    "The `.json` beside it records": ("media/test_placing.py::test_a_sidecar_stands_beside_its_video",),
    "The test never charges.": ("cli/test_cli.py::test_doctor_says_what_is_wrong_and_never_charges",),
    "| Run the same graph again, even after a restart |": (
        "comfyui/test_nodes.py::test_a_requeued_graph_is_free_and_another_seed_is_a_new_take",
        "comfyui/test_nodes.py::test_a_killed_comfyui_collects_its_job_after_the_restart",
    ),
    "| Change the seed, the prompt": (
        "comfyui/test_nodes.py::test_a_requeued_graph_is_free_and_another_seed_is_a_new_take",
    ),
    "| Change only where the file goes": (
        "comfyui/test_nodes.py::test_connecting_the_frames_socket_later_gives_frames_and_charges_nothing",
    ),
    "| Interrupt a run |": (
        "comfyui/test_nodes.py::test_an_interrupt_is_noticed_within_a_second_and_the_paid_job_is_collected_later",
    ),
    "| Close, restart or kill ComfyUI": (
        "comfyui/test_kill.py::test_killed_and_started_again_it_is_paid_once_and_the_video_arrives",
    ),
    "| Delete the file |": ("jobs/test_durability.py::test_a_deleted_file_is_collected_again_for_free",),
    "| Run the same request in two places at once |": (
        "jobs/test_durability.py::test_two_processes_with_the_same_request_pay_once_and_both_get_the_video",
    ),
    "| Run again after the server said that the job failed |": (
        "campaign/test_verdict.py::test_a_charge_after_a_failed_job_is_no_second_one",
    ),
    "| Run again after the answer was lost on its way |": (
        "../sora_core/conformance/suite.py::test_a_lost_answer_is_found_in_the_list",
        "../sora_core/conformance/suite.py::test_a_lost_answer_stays_unknown_and_is_never_sent_again",
    ),
    "Only proof frees a request to be paid again": ("ledger/test_contract.py::test_never_drops_a_claim_that_was_sent",),
    "Keys go to their profile's own server and nowhere else": (
        "transport/test_links.py::test_a_link_elsewhere_gets_no_key",
        "cli/test_cli.py::test_errors_name_no_secret",
    ),
    "Every error says what happened": ("test_texts.py::",),
    "names the step that fails, and never charges": (
        "cli/test_cli.py::test_doctor_says_what_is_wrong_and_never_charges",
    ),
}


@pytest.mark.parametrize("name", READMES)
class TestReadme:
    def test_links_to_the_other_language_at_its_top(self, name):
        (other,) = set(READMES) - {name}
        assert f"]({other})" in "\n".join(read(name).splitlines()[:4])

    def test_names_every_provider_and_the_version(self, name):
        assert sora_core.__version__ in read(name)
        assert all(f"`{provider}`" in read(name) for provider in PROVIDERS)

    def test_shows_it_at_work(self, name):
        moving = re.findall(r"!\[.+?\]\((docs/pictures/running\.\w+)\)", read(name))
        assert len(moving) == 1
        from PIL import Image

        with Image.open(ROOT / moving[0]) as picture:
            assert picture.n_frames > 5


def test_it_takes_three_minutes():
    text = re.sub(r"<!--.*?-->", "", read("README.md"))
    assert len(text.split()) < MOST_WORDS
    chinese = re.sub(r"<!--.*?-->", "", read("README.zh.md"))
    assert len(re.findall(r"[\u4e00-\u9fff]|[A-Za-z0-9_./-]+", chinese)) < MOST_SIGNS


def test_both_languages_have_the_same_shape():
    assert shape(read("README.zh.md")) == shape(read("README.md"))


def test_both_languages_show_the_same_examples():
    assert examples(read("README.zh.md")) == examples(read("README.md"))


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_is_made_and_held(claim):
    assert claim in read("README.md")
    for proof in CLAIMS[claim]:
        file, _, test = proof.partition("::")
        text = read(f"tests/{file}")
        assert re.search(rf"def {test}\(" if test else r"def test_|class Test", text), proof


def test_every_row_of_the_table_of_charges_is_a_claim_that_is_held():
    made = [row[0] for row in rows(read("README.md"), "What you do")]
    assert made
    held = [claim.strip("| ") for claim in CLAIMS if claim.startswith("|")]
    assert [row for row in made if not any(row.startswith(claim) for claim in held)] == []
