"""Which proxy and which certificates the environment names, by the rules that curl, Python and Go share."""

from __future__ import annotations

import pytest

from sora_core.errors import ProfileError
from sora_core.transport.environment import is_excepted, proxy_for, tls_context

EXCEPTED = [
    ("relay.example", 443, "relay.example", True),
    ("api.relay.example", 443, "relay.example", True),
    ("api.relay.example", 443, ".relay.example", True),
    ("api.relay.example", 443, "*.relay.example", True),
    ("relay.example", 443, ".relay.example", True),
    ("otherrelay.example", 443, "relay.example", False),
    ("relay.example", 443, "RELAY.EXAMPLE", True),
    ("relay.example", 443, "relay.example.", True),
    ("relay.example", 8443, "relay.example:8443", True),
    ("relay.example", 443, "relay.example:8443", False),
    ("relay.example", 443, "https://relay.example", True),
    ("relay.example", 443, "a, b relay.example,", True),
    ("relay.example", 443, "*", True),
    ("relay.example", 443, "", False),
    ("relay.example", 443, ",,[,]:,:::", False),
    ("10.1.2.3", 80, "10.0.0.0/8", True),
    ("11.1.2.3", 80, "10.0.0.0/8", False),
    ("10.1.2.3", 80, "10.1.2.3", True),
    ("10.1.2.3", 80, "10.1.2.3/33", False),
    ("fd12:3456:789a::5", 80, "fd12:3456:789a::/48", True),
    ("fd12:3456:789b::5", 80, "fd12:3456:789a::/48", False),
    ("fd12::5", 80, "[fd12::5]", True),
    ("fd12::5", 80, "[fd12::5]:80", True),
    ("fd12::5", 80, "[fd12::5]:81", False),
    ("fd12::5", 80, "[fd12::]/16", True),
    ("fd12::5", 80, "fd12::5", True),
    ("fd12:0:0::5", 80, "fd12::5", True),
    ("fe80::1%eth0", 80, "fe80::/10", True),
]


@pytest.mark.parametrize(("host", "port", "exceptions", "is_one"), EXCEPTED)
def test_exceptions_are_names_addresses_and_networks(host, port, exceptions, is_one):
    assert is_excepted(host, port, exceptions) is is_one


@pytest.fixture
def environ(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"):
        for spelling in (name, name.upper()):
            monkeypatch.delenv(spelling, raising=False)
    return monkeypatch


class TestTheProxy:
    def test_is_that_of_the_scheme_before_that_of_all(self, environ):
        environ.setenv("ALL_PROXY", "socks5://all.example:1080")
        environ.setenv("https_proxy", "http://tls.example:3128")
        assert proxy_for("https://relay.example/v1") == "http://tls.example:3128"
        assert proxy_for("http://relay.example/v1") == "socks5://all.example:1080"

    def test_may_leave_its_scheme_out(self, environ):
        environ.setenv("HTTPS_PROXY", "proxy.example:3128")
        assert proxy_for("https://relay.example/v1") == "http://proxy.example:3128"

    def test_is_gone_around_where_that_is_said(self, environ):
        environ.setenv("HTTPS_PROXY", "http://proxy.example:3128")
        environ.setenv("NO_PROXY", "relay.example,fd12::/16")
        assert proxy_for("https://relay.example/v1") == proxy_for("https://[fd12::9]/v1") == ""
        assert proxy_for("https://elsewhere.example/v1") == "http://proxy.example:3128"

    @pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "http://localhost/v1", "http://[::1]:80/v1"])
    def test_never_stands_before_loopback_however_wrong_it_is(self, environ, url):
        environ.setenv("ALL_PROXY", "socks://nonsense")
        assert proxy_for(url) == ""

    def test_that_is_gone_around_may_be_wrong(self, environ):
        environ.setenv("ALL_PROXY", "socks://nonsense:1")
        environ.setenv("NO_PROXY", "relay.example")
        assert proxy_for("https://relay.example") == ""

    def test_that_cannot_be_used_is_told_without_its_password(self, environ):
        environ.setenv("ALL_PROXY", "socks://user:topsecret@127.0.0.1:1080")
        with pytest.raises(ProfileError) as caught:
            proxy_for("https://relay.example/v1")
        assert "ALL_PROXY" in str(caught.value)
        assert "socks5://" in str(caught.value)
        assert "topsecret" not in str(caught.value)


class TestCertificates:
    def test_are_those_of_the_system_where_nothing_is_named(self, environ):
        assert tls_context() is tls_context()

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
    def test_that_are_not_there_are_told_by_their_variable(self, environ, tmp_path, variable):
        environ.setenv(variable, str(tmp_path / "gone"))
        with pytest.raises(ProfileError, match=variable):
            tls_context()
        environ.delenv(variable)
        assert tls_context()

    def test_that_are_none_are_told_too(self, environ, tmp_path):
        (tmp_path / "a.pem").write_text("no certificate")
        environ.setenv("SSL_CERT_FILE", str(tmp_path / "a.pem"))
        with pytest.raises(ProfileError, match="SSL_CERT_FILE"):
            tls_context()
