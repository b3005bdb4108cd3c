"""What holds for every provider, read off the registry: a new one is covered by being there."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from sora_core import providers
from sora_core.errors import ProfileError
from sora_core.models import Capabilities, Operation
from sora_core.profiles.profiles import Profile
from sora_core.providers import OWN, PROVIDERS, Provider, provider_for

FOLDER = Path(providers.__file__).parent
TESTS = Path(__file__).resolve().parent.parent


def provider(name: str) -> Provider:
    return PROVIDERS[name](Profile("p", provider=name, base_url="https://relay.example/v1"))


def test_every_module_is_a_registered_provider_or_private():
    modules = {path.stem if path.is_file() else path.name for path in FOLDER.iterdir()} - {"__pycache__"}
    public = {name for name in modules if not name.startswith("_") and name != "ADDING_A_PROVIDER"}
    assert public == set(OWN)


@pytest.mark.parametrize("name", PROVIDERS)
class TestEveryProvider:
    def test_is_registered_under_its_own_name_and_lives_in_a_file_of_that_name(self, name):
        assert PROVIDERS[name].name == name
        module = Path(inspect.getfile(PROVIDERS[name]))
        assert name in (module.stem, module.parent.name)

    def test_says_what_it_is(self, name):
        assert inspect.getdoc(PROVIDERS[name]) not in (None, "", inspect.getdoc(Provider))
        assert inspect.getdoc(inspect.getmodule(PROVIDERS[name]))

    def test_states_what_it_can_do_as_data(self, name):
        can = provider(name).capabilities()
        assert isinstance(can, Capabilities)
        assert can.operations <= frozenset(Operation)
        assert can.operations
        assert can.size_for
        assert all(size in can.sizes for size in can.size_for.values() if size)
        assert can.default_seconds is None or can.default_seconds in can.seconds
        assert can.poll_seconds > 0

    def test_edits_only_with_a_form_for_the_source(self, name):
        can = provider(name).capabilities()
        assert (not can.operations.isdisjoint((Operation.EDIT, Operation.EXTEND))) == bool(can.edit_forms)

    def test_sends_reads_as_reads(self, name):
        call = provider(name).encode_fetch("video_1")
        assert call.effect.value == "read"
        assert call.method in ("GET", "POST")

    def test_is_what_a_profile_of_its_name_gets(self, name):
        assert type(provider_for(Profile("p", provider=name, base_url="https://relay.example/v1"))) is PROVIDERS[name]


def test_documentation_is_not_copied_from_one_to_the_next():
    texts = [inspect.getdoc(provider) for provider in PROVIDERS.values()]
    assert len(set(texts)) == len(texts)


def test_the_base_class_and_its_hooks_are_documented():
    assert inspect.getdoc(Provider)
    hooks = [each for name, each in vars(Provider).items() if inspect.isfunction(each) and not name.startswith("_")]
    undocumented = {each.__name__ for each in hooks if not each.__doc__}
    assert undocumented <= {"fetch", "listing", "quota", "models"}
    assert all(getattr(each, "__doc__", None) for each in hooks if getattr(each, "__isabstractmethod__", False))


def test_an_unknown_provider_is_refused_naming_the_known():
    with pytest.raises(ProfileError) as caught:
        provider_for(Profile("p", provider="klingon", base_url="https://relay.example/v1"))
    assert all(name in caught.value.message for name in PROVIDERS)


AUDIT = """
import json, sys
sys.path.insert(0, sys.argv[1])
import conftest
from sora_core.profiles.profiles import Profile
from sora_core.providers import PROVIDERS
seen, armed, known = [], False, dict(PROVIDERS)
def hook(event, arguments):
    if armed and event.partition(".")[0] in ("open", "socket", "subprocess", "os", "sqlite3", "urllib"):
        seen.append([event, str(arguments)])
sys.addaudithook(hook)
armed = True
for name, kind in known.items():
    provider = kind(Profile("p", provider=name, base_url="https://relay.example/v1"))
    provider.capabilities()
    provider.base_url()
armed = False
print(json.dumps(seen))
"""


def test_making_one_touches_neither_disk_nor_network():
    done = subprocess.run(
        [sys.executable, "-c", AUDIT, str(TESTS)], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == []
