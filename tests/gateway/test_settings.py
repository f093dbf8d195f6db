"""Configuration: a file and the environment over it; every mistake is one sentence that names the key."""

import logging
from pathlib import Path

import pytest

from adapters import registry
from adapters.bridgetown import BridgeTownSettings
from adapters.model import TokenAccounting
from adapters.refactor import RefactorSettings
from adapters.rightbrain import RightbrainSettings
from gateway.settings import ConfigError, Settings, load, parse

SECRET = "s3cret-value"
EIGENPAL = """[providers.eigenpal]
base_url = "https://eigenpal.example/api/v1/"
token = "env:EIGENPAL_API_KEY"
"""
RIGHTBRAIN = """[providers.rightbrain]
base_url = "https://rightbrain.example/api/v1"
org_id = "o"
project_id = "p"
"""
BRIDGETOWN = """[providers.bridgetown]
base_url = "https://bridgetown.example/mcp"
token = "env:EIGENPAL_API_KEY"
"""


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIGENPAL_API_KEY", SECRET)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rungraph.toml"


def read(file: Path, text: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load(file)


def mistake(file: Path, text: str) -> str:
    """What is wrong with a configuration; one sentence that holds no secret."""
    with pytest.raises(ConfigError) as raised:
        read(file, text)
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert SECRET not in sentence
    return sentence.replace(str(file), "FILE")


def test_what_is_not_said_has_a_default(file: Path) -> None:
    settings = read(file, EIGENPAL)

    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert settings.server.graphiql
    assert settings.server.introspection
    eigenpal = settings.providers["eigenpal"]
    assert (eigenpal.adapter, eigenpal.base_url) == ("eigenpal", "https://eigenpal.example/api/v1")
    assert eigenpal.token is not None
    assert eigenpal.token.get_secret_value() == SECRET
    assert (eigenpal.timeout_ms, eigenpal.connect_timeout_ms) == (10_000, 3_000)


def test_a_name_is_the_users_and_an_adapter_serves_several(file: Path) -> None:
    settings = read(file, EIGENPAL + EIGENPAL.replace("eigenpal]", 'eu-2]\nadapter = "eigenpal"'))

    assert {name: section.adapter for name, section in settings.providers.items()} == {
        "eigenpal": "eigenpal",
        "eu-2": "eigenpal",
    }


def test_adapters_have_keys_of_their_own(file: Path) -> None:
    settings = read(
        file,
        f'{BRIDGETOWN}projects = ["a", "b"]\n'
        '[providers.refactor]\nbase_url = "https://r.example"\ntoken = "env:EIGENPAL_API_KEY"\n'
        'token_accounting = "EXCLUDES_CACHED"\n',
    )

    bridgetown, refactor = settings.providers["bridgetown"], settings.providers["refactor"]
    assert isinstance(bridgetown, BridgeTownSettings)
    assert bridgetown.projects == ("a", "b")
    assert isinstance(refactor, RefactorSettings)
    assert refactor.token_accounting is TokenAccounting.EXCLUDES_CACHED


@pytest.mark.parametrize(
    "credential", ['token = "env:EIGENPAL_API_KEY"', 'client_id = "c"\nclient_secret = "file:SECRET"']
)
def test_rightbrain_takes_a_key_or_an_oauth_client(file: Path, credential: str) -> None:
    secret = file.with_name("secret")
    secret.write_text(f"{SECRET}\n", encoding="utf-8")

    section = read(file, RIGHTBRAIN + credential.replace("SECRET", str(secret))).providers["rightbrain"]

    assert isinstance(section, RightbrainSettings)
    held = section.token or section.client_secret
    assert held is not None
    assert held.get_secret_value() == SECRET
    assert SECRET not in repr(section)


MISTAKES = {
    "": "providers: at least one section [providers.NAME] is needed",
    "[providers]": "providers: at least one section [providers.NAME] is needed",
    "providers = [1]": "providers: expected sections such as [providers.NAME]",
    "[providers]\neigenpal = 1": "providers.eigenpal: expected a section",
    "[providers.My_Own]": "providers.My_Own: a name may hold a-z, 0-9 and - only",
    "[providers.-a]": "providers.-a: a name may hold a-z, 0-9 and - only",
    '[providers."a b"]': "providers.a b: a name may hold a-z, 0-9 and - only",
    "[providers.mine]": 'providers.mine.adapter: there is no adapter "mine"; known ones: '
    + ", ".join(registry.BUILT_IN),
    "[providers.mine]\nadapter = 1": "providers.mine.adapter: expected a text",
    '[providers.eigenpal]\ntoken = "x"': "providers.eigenpal.base_url: this key is needed",
    '[providers.eigenpal]\nbase_url = "https://e.example"': "providers.eigenpal.token: this key is needed",
    f"{EIGENPAL}tiemout_ms = 1": "providers.eigenpal.tiemout_ms: there is no such key",
    '[providers.eigenpal]\nbase_url = "https://e.example"\ntokn = "x"': "providers.eigenpal.tokn: there is no such key",
    f"{EIGENPAL}timeout_ms = 'soon'": "providers.eigenpal.timeout_ms: expected a whole number",
    f"{EIGENPAL}timeout_ms = 1.5": "providers.eigenpal.timeout_ms: expected a whole number",
    f"{EIGENPAL}timeout_ms = 0": "providers.eigenpal.timeout_ms: should be greater than or equal to 1",
    f"{EIGENPAL}max_response_bytes = []": "providers.eigenpal.max_response_bytes: expected a whole number",
    f"{BRIDGETOWN}projects = 'a'": "providers.bridgetown.projects: expected a list",
    f"{BRIDGETOWN}projects = ['']": "providers.bridgetown.projects.0: expected a text that is not empty",
    f"{RIGHTBRAIN}": "providers.rightbrain: give either token, or client_id and client_secret: exactly one of the two",
    f"{RIGHTBRAIN}token = 'x'\nclient_id = 'c'\nclient_secret = 'x'": "providers.rightbrain: give either token, or "
    "client_id and client_secret: exactly one of the two",
    f"{RIGHTBRAIN}client_id = 'c'": "providers.rightbrain: client_id and client_secret belong together: give both, or "
    "neither and a token",
    RIGHTBRAIN.replace('org_id = "o"\n', "token = 'x'\n"): "providers.rightbrain.org_id: this key is needed",
    RIGHTBRAIN.replace('"o"', '""') + "token = 'x'": "providers.rightbrain.org_id: expected a text that is not empty",
    f"{EIGENPAL}[servr]\nport = 1": "servr: there is no such key",
    f"_env_prefix = 'X'\n{EIGENPAL}": "_env_prefix: there is no such key",
    f"{EIGENPAL}[server]\nprot = 1": "server.prot: there is no such key",
    f"server = 1\n{EIGENPAL}": "server: expected a section",
    f"{EIGENPAL}[server]\nport = 70000": "server.port: should be less than or equal to 65535",
    f"{EIGENPAL}[server]\nport = 'http'": "server.port: expected a whole number",
    f"{EIGENPAL}[server]\nhost = 1": "server.host: expected a text",
    f"{EIGENPAL}[server]\nhost = ''": "server.host: expected a text that is not empty",
    f"{EIGENPAL}[server]\ngraphiql = 'maybe'": "server.graphiql: expected true or false",
    f"{EIGENPAL}[cache]\nmax_runs = -1": "cache.max_runs: should be greater than or equal to 0",
    f"{EIGENPAL}[cache]\nlive_ttl = 'x'": "cache.live_ttl: expected a number",
    f"{EIGENPAL}[cache]\nlive_ttl = inf": "cache.live_ttl: should be a finite number",
    "[server": "FILE is not valid TOML: Expected ']' at the end of a table declaration (at end of document)",
    f"token = {SECRET}": "FILE is not valid TOML: Invalid value (at line 1, column 9)",
}


@pytest.mark.parametrize(("text", "sentence"), MISTAKES.items(), ids=range(len(MISTAKES)))
def test_a_mistake_is_one_sentence_that_names_the_key(file: Path, text: str, sentence: str) -> None:
    assert mistake(file, text) == sentence


@pytest.mark.parametrize(
    ("url", "trouble"),
    [
        ("ftp://x.example", "expected an http:// or https:// URL"),
        ("x.example/v1", "expected an http:// or https:// URL"),
        ("https://", "expected an http:// or https:// URL"),
        (f"https://user:{SECRET}@x.example", "the URL may not hold credentials, a query or a fragment"),
        (f"https://x.example?key={SECRET}", "the URL may not hold credentials, a query or a fragment"),
        ("https://x.example:99999", "port out of range 0-65535"),
    ],
)
def test_a_base_url_is_checked(file: Path, url: str, trouble: str) -> None:
    text = EIGENPAL.replace("https://eigenpal.example/api/v1/", url)

    assert mistake(file, text) == f"providers.eigenpal.base_url: {trouble}"


@pytest.mark.parametrize(
    ("token", "trouble"),
    [
        ("'env:RUNGRAPH_UNSET'", "environment variable RUNGRAPH_UNSET is not set"),
        ("'env:'", "expected a name after env:"),
        ("'file:'", "expected a path after file:"),
        ("'file:/nowhere/token'", "can't read the file /nowhere/token: No such file or directory"),
        ("''", 'expected "env:NAME", "file:PATH" or the secret itself'),
        ("5", 'expected "env:NAME", "file:PATH" or the secret itself'),
        (f"['{SECRET}']", 'expected "env:NAME", "file:PATH" or the secret itself'),
        (f"'{SECRET}é'", "a secret may hold printable ASCII characters only"),
        (f'"{SECRET}\\nX-Other: 1"', "a secret may hold printable ASCII characters only"),
    ],
)
def test_a_secret_that_can_not_be_had_is_named_by_its_place(file: Path, token: str, trouble: str) -> None:
    assert mistake(file, EIGENPAL.replace('"env:EIGENPAL_API_KEY"', token)) == f"providers.eigenpal.token: {trouble}"


def test_an_empty_file_holds_no_secret(file: Path) -> None:
    empty = file.with_name("empty")
    empty.write_text("\n", encoding="utf-8")

    sentence = mistake(file, EIGENPAL.replace("env:EIGENPAL_API_KEY", f"file:{empty}"))

    assert sentence == f"providers.eigenpal.token: the file {empty} is empty"


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'x = "\xe9"')

    for path, trouble in (
        (tmp_path / "none.toml", "can't read {}: No such file or directory"),
        (tmp_path, "can't read {}: Is a directory"),
        (latin, "{} is not UTF-8 text"),
    ):
        with pytest.raises(ConfigError) as raised:
            load(path)
        assert str(raised.value) == trouble.format(path)


def test_a_secret_in_the_file_is_warned_about_by_its_key(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    read(file, EIGENPAL + RIGHTBRAIN + f"client_id = 'c'\nclient_secret = '{SECRET}'\n")

    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (
            logging.WARNING,
            f'{file}: providers.rightbrain.client_secret holds the secret itself; better "env:NAME" or "file:PATH"',
        )
    ]


def test_a_secret_in_an_environment_variable_is_where_it_should_be(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RUNGRAPH_PROVIDERS__EIGENPAL__TOKEN", "12345")

    token = read(file, EIGENPAL.replace('token = "env:EIGENPAL_API_KEY"\n', "")).providers["eigenpal"].token

    assert token is not None
    assert token.get_secret_value() == "12345"
    assert caplog.records == []


def test_the_environment_wins_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNGRAPH_SERVER__PORT", "9000")
    monkeypatch.setenv("RUNGRAPH_SERVER__GRAPHIQL", "false")
    monkeypatch.setenv("RUNGRAPH_PROVIDERS__EIGENPAL__TIMEOUT_MS", "250")
    monkeypatch.setenv("RUNGRAPH_PROVIDERS__BRIDGETOWN__PROJECTS", '["a", "b"]')

    settings = read(file, f'{EIGENPAL}{BRIDGETOWN}[server]\nport = 1\nhost = "::1"\n')

    assert (settings.server.host, settings.server.port, settings.server.graphiql) == ("::1", 9000, False)
    assert settings.providers["eigenpal"].timeout_ms == 250
    bridgetown = settings.providers["bridgetown"]
    assert isinstance(bridgetown, BridgeTownSettings)
    assert bridgetown.projects == ("a", "b")


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("RUNGRAPH_SERVER__PORT", "http", "server.port: expected a whole number"),
        ("RUNGRAPH_SERVER__PROT", "1", "server.prot: there is no such key"),
        ("RUNGRAPH_PROVIDERS__EIGENPAL__TIMEOUT", "1", "providers.eigenpal.timeout: there is no such key"),
        (
            "RUNGRAPH_CACHE",
            "redis://x",
            (
                "the environment variable RUNGRAPH_CACHE is for a whole section and must hold JSON; "
                "RUNGRAPH_CACHE__KEY sets one key"
            ),
        ),
        ("RUNGRAPH_PROVIDERS__EIGENPAL", "x", "providers.eigenpal: expected a section"),
        (
            "RUNGRAPH_SERVER",
            SECRET,
            (
                "the environment variable RUNGRAPH_SERVER is for a whole section and must hold JSON; "
                "RUNGRAPH_SERVER__KEY sets one key"
            ),
        ),
    ],
)
def test_a_mistake_in_the_environment_is_a_sentence_too(
    file: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)

    assert mistake(file, EIGENPAL) == sentence


def test_settings_can_not_be_changed() -> None:
    settings = parse({"providers": {"eigenpal": {"base_url": "https://e.example", "token": SECRET}}})

    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1  # type: ignore[misc]
