from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.config import AttendConfig, CaptureConfig, Config, RememberConfig, SpeakConfig
from edge_runtime.errors import ConfigError
from edge_runtime.settings import Loaded, changed, load
from edge_runtime.settings_schema import keys


def loaded(toml: str = "", *, folder: Path, env: dict[str, str] | None = None, flags: dict[str, str] | None = None) -> Loaded:
    file = folder / "config.toml"
    file.write_text(toml, encoding="utf-8")
    return load(flags, env=env or {}, path=file)


def test_without_anything_the_defaults_hold() -> None:
    plain = load(env={})
    assert plain.config == Config()
    assert set(plain.origin.values()) == {"default"}
    assert set(plain.origin) == set(keys())


def test_the_file_then_the_environment_then_flags_have_the_last_word(tmp_path: Path) -> None:
    toml = "[speak]\ncooldown_ns = 1\npause_ns = 2\nstale_ns = 3\n"
    env = {"EDGE_RUNTIME_SPEAK_PAUSE_NS": "20", "EDGE_RUNTIME_SPEAK_STALE_NS": "30"}
    got = loaded(toml, folder=tmp_path, env=env, flags={"speak.stale_ns": "300"})
    assert (got.config.speak.cooldown_ns, got.config.speak.pause_ns, got.config.speak.stale_ns) == (1, 20, 300)
    assert got.origin["speak.cooldown_ns"] == f"file {tmp_path / 'config.toml'}:2"
    assert got.origin["speak.pause_ns"] == "env EDGE_RUNTIME_SPEAK_PAUSE_NS"
    assert got.origin["speak.stale_ns"] == "flag"
    assert got.origin["speak.quiet"] == "default"


def test_the_file_in_the_config_folder_is_found(tmp_path: Path) -> None:
    file = tmp_path / "edge_runtime" / "config.toml"
    file.parent.mkdir()
    file.write_text("[models]\nthreads = 1\n")
    got = load(env={"XDG_CONFIG_HOME": str(tmp_path)})
    assert got.config.models.threads == 1
    assert got.origin["models.threads"] == f"file {file}:2"


def test_durations_and_sizes_may_carry_units_everywhere(tmp_path: Path) -> None:
    env = {"EDGE_RUNTIME_REMEMBER_RAM_BYTES": "64MiB"}
    got = loaded('[speak]\ncooldown_ns = "3 s"\n', folder=tmp_path, env=env, flags={"speak.pause_ns": "250ms"})
    assert got.config.speak.cooldown_ns == 3_000_000_000
    assert got.config.remember.ram_bytes == 64 * 1024 * 1024
    assert got.config.speak.pause_ns == 250_000_000


@pytest.mark.parametrize(("text", "value"), [("true", True), ("Yes", True), ("1", True), ("off", False), ("0", False)])
def test_truth_values_are_written_in_words(text: str, value: bool) -> None:
    assert load({"speak.quiet": text}, env={}).config.speak.quiet is value


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    got = loaded("[attend]\nhfov_deg = 80\n", folder=tmp_path)
    assert got.config.attend.hfov_deg == 80.0
    assert isinstance(got.config.attend.hfov_deg, float)


def test_the_cache_folder_is_not_a_setting() -> None:
    assert load(env={"EDGE_RUNTIME_CACHE": "/somewhere", "OTHER": "x"}).config == Config()


@pytest.mark.parametrize(
    ("toml", "message", "hint"),
    [
        ("[speak]\ncooldwn_ns = 3\n", r"unknown setting speak\.cooldwn_ns \(file .*config\.toml:2\)", "did you mean speak.cooldown_ns?"),
        ("[speek]\nquiet = true\n", r"unknown section \[speek\] \(file .*config\.toml:1\)", "did you mean speak?"),
        ("cooldown_ns = 3\n", r"unknown section \[cooldown_ns\]", "did you mean speak.cooldown_ns?"),
        ("[attend]\ncooldown_ns = 3\n", r"unknown setting attend\.cooldown_ns", "did you mean speak.cooldown_ns?"),
        ("[speak]\nzzz = 3\n", r"unknown setting speak\.zzz", "run: edge-runtime config show"),
        ("speak = 3\n", r"speak is a section, not a setting \(file .*:1\)", "write [speak]"),
        ("\n[speak]\nquiet = maybe\n", r"config\.toml:3: not valid TOML", "a section is [speak]"),
        ("[models]\nthreads = 0\n", r"models\.threads = 0 .*out of range: it takes a whole number, >= 1", "threads of one inference"),
        ("[models]\nthreads = true\n", r"models\.threads = True .*does not fit", "default 2"),
        ('[models]\nthreads = "2"\n', r"models\.threads = '2' .*does not fit: it takes a whole number", "default 2"),
        ("[models]\nthreads = 2.0\n", r"models\.threads = 2\.0 .*does not fit", "default 2"),
        ("[models]\nbundle = 3\n", r"models\.bundle = 3 .*does not fit: it takes text", "name or folder of a bundle"),
        ("[speak]\nquiet = 1\n", r"speak\.quiet = 1 .*does not fit: it takes true or false", "quiet hours"),
        ("[attend]\nhfov_deg = nan\n", r"attend\.hfov_deg = nan .*does not fit: it takes a number, > 0, < 180", "default 90"),
        ("[attend]\nhfov_deg = 180\n", r"attend\.hfov_deg = 180 .*out of range: it takes a number, > 0, < 180", "default 90"),
        ("[speak]\ncooldown_ns = -1\n", r"speak\.cooldown_ns = -1 .*or a number with ms or s or min, >= 0", "default 8 s"),
    ],
)
def test_a_file_that_does_not_fit_says_where_and_what_fits(tmp_path: Path, toml: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        loaded(toml, folder=tmp_path)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("name", "value", "message", "hint"),
    [
        ("speak.cooldown", "3s", r"unknown setting speak\.cooldown \(flag\)", "did you mean speak.cooldown_ns?"),
        ("look_burst", "3", r"unknown setting look_burst \(flag\)", "did you mean attend.look_burst?"),
        ("speak.cooldown_ns", "soon", r"speak\.cooldown_ns = soon \(flag\) does not fit", "between unasked sentences; default 8 s"),
        (
            "remember.ram_bytes",
            "64MB",
            r"ram_bytes = 64MB .*a whole number of bytes, or a number with KiB or MiB or GiB, >= 65536",
            "128 MiB",
        ),
        ("remember.ram_bytes", "1KiB", r"ram_bytes = 1KiB .*out of range", "128 MiB"),
        ("speak.quiet", "maybe", r"speak\.quiet = maybe .*true or false", "default False"),
        ("attend.hfov_deg", "inf", r"attend\.hfov_deg = inf .*does not fit", "default 90"),
        ("remember.token_policy", "tierd", r"token_policy = tierd .*it takes one of .*recent_window, .*tiered", "which tokens are kept"),
        ("models.bundle", "", r"models\.bundle =  .*does not fit", "default pocket"),
        ("capture.camera", "", r"capture\.camera =  .*does not fit: it takes text", "default 0"),
        ("capture.silent_ns", "0", r"capture\.silent_ns = 0 .*out of range: it takes .*> 0", "default 5 s"),
        ("daemon.metrics_port", "65536", r"metrics_port = 65536 .*out of range: it takes a whole number, >= 0, <= 65535", "default 9477"),
        ("speak.quiet_from", "22", r"quiet_from = 22 .*does not fit: it takes a time of day as HH:MM, or nothing", "default empty"),
        ("speak.quiet_from", "24:00", r"quiet_from = 24:00 .*does not fit", "quiet hours begin"),
        ("speak.quiet_to", "07:00\n", r"quiet_to = 07:00\n .*does not fit", "default empty"),
    ],
)
def test_a_flag_that_does_not_fit_says_what_fits(name: str, value: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load({name: value}, env={})
    assert hint in caught.value.hint


def test_quiet_hours_begin_and_end(tmp_path: Path) -> None:
    got = loaded('[speak]\nquiet_from = "22:00"\nquiet_to = "07:00"\n', folder=tmp_path).config.speak
    assert (got.quiet_from, got.quiet_to) == ("22:00", "07:00")
    none = load({"speak.quiet_to": ""}, env={"EDGE_RUNTIME_SPEAK_QUIET_FROM": ""}).config.speak
    assert (none.quiet_from, none.quiet_to) == ("", "")


@pytest.mark.parametrize(
    ("flags", "message", "hint"),
    [
        ({"quiet_from": "22:00"}, r"speak\.quiet_from = 22:00 \(flag\) needs speak\.quiet_to", "leave both empty for none"),
        ({"quiet_to": "07:00"}, r"speak\.quiet_to = 07:00 \(flag\) needs speak\.quiet_from", "leave both empty for none"),
        ({"quiet_from": "07:00", "quiet_to": "07:00"}, "quiet hours begin and end at 07:00", "set speak.quiet to true"),
    ],
)
def test_quiet_hours_that_only_begin_or_end_or_last_no_time_are_refused(flags: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load({f"speak.{name}": value for name, value in flags.items()}, env={})
    assert hint in caught.value.hint


def test_an_unknown_variable_of_ours_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"EDGE_RUNTIME_SPEAK_COOLDOWN$") as caught:
        load(env={"EDGE_RUNTIME_SPEAK_COOLDOWN": "3s"})
    assert "did you mean EDGE_RUNTIME_SPEAK_COOLDOWN_NS?" in caught.value.hint


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no settings file .*missing\.toml") as caught:
        load(env={}, path=tmp_path / "missing.toml")
    assert "--config" in caught.value.hint


@pytest.mark.parametrize("content", [b"[speak]\nquiet = \xff\n", None])
def test_a_file_that_cannot_be_read_is_an_error_of_ours(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "config.toml"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match="cannot read the settings file"):
        load(env={}, path=file)


def test_values_are_found_in_dotted_and_inline_tables_too(tmp_path: Path) -> None:
    got = loaded("# a comment\nspeak.pause_ns = 7\nmodels = { threads = 1 }\n", folder=tmp_path)
    assert (got.config.speak.pause_ns, got.config.models.threads) == (7, 1)
    assert got.origin["speak.pause_ns"].endswith("config.toml:2")
    assert got.origin["models.threads"].endswith("config.toml:3")


def test_every_setting_says_what_it_means_and_fits_its_own_range() -> None:
    for key in keys().values():
        assert key.meaning, key.name
        assert load({key.name: str(key.default)}, env={}).config == Config()


def test_a_run_takes_up_how_it_speaks_and_thresholds_but_neither_bounds_in_bytes_nor_geometry() -> None:
    reloadable = {name for name, key in keys().items() if key.reloadable}
    assert {name.partition(".")[0] for name in reloadable} == {"attend", "remember", "speak"}
    assert {name for name in keys() if name.startswith("speak.")} <= reloadable
    assert {"attend.looks_per_s", "attend.heartbeat_ns", "remember.concept_accept"} <= reloadable
    assert not {name for name in reloadable if name.endswith(("_bytes", "_px", "_deg", "_share", "_policy"))}


def test_what_changed_is_taken_up_or_waits_for_the_next_start() -> None:
    before = Config(speak=SpeakConfig(pause_ns=1))
    after = Config(
        AttendConfig(hfov_deg=70.0, looks_per_s=1.0),
        RememberConfig(ram_bytes=65536, text_accept=0.9),
        SpeakConfig(quiet_from="22:00", quiet_to="07:00", pause_ns=1),
        capture=CaptureConfig(camera="synthetic"),
    )
    found = changed(before, after)
    assert found.applied == ("attend.looks_per_s", "remember.text_accept", "speak.quiet_from", "speak.quiet_to")
    assert found.needs_restart == ("attend.hfov_deg", "remember.ram_bytes", "capture.camera")
    assert found.taken == Config(
        AttendConfig(looks_per_s=1.0),
        RememberConfig(text_accept=0.9),
        SpeakConfig(quiet_from="22:00", quiet_to="07:00", pause_ns=1),
    )


def test_the_same_settings_change_nothing() -> None:
    config = Config(speak=SpeakConfig(quiet=True))
    found = changed(config, load({"speak.quiet": "yes"}, env={}).config)
    assert (found.taken, found.applied, found.needs_restart) == (config, (), ())
