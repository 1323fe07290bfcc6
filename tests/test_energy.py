"""Energy: what CodeCarbon says is what the record says, over all sittings, without a network, a word or a file."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import codecarbon
import pytest

from emohub.errors import StoppedError, TrainingError, UsageError
from emohub.recipe import Corpus, Recipe
from emohub.record import Energy, RunRecord
from emohub.train import Progress, train
from emohub.train.energy import EnergyMeter, check_energy
from emohub.train.progress import RunState
from tests.conftest import write_rows

GRAMS = 380.95
"""Of CO2 equivalent for a kilowatt-hour in Germany in 2023, by the table that CodeCarbon 3.3.2 ships."""


class Tracker:
    """Stands for CodeCarbon's: one watt-hour is used between any two times that it is asked."""

    hardware: tuple[Any, ...] = (type("RAM", (), {})(),)

    def __init__(self, *, output_handlers: list[Any], **options: Any) -> None:
        self.options, self.output, self.used = options, output_handlers[0], 0.0
        self._hardware = self.hardware

    def start(self) -> None:
        """It has begun."""

    def flush(self) -> None:
        intensity = 0.0 if self.options["country_iso_code"] is None else 0.5
        self.output.out(SimpleNamespace(energy_consumed=self.used, emissions=self.used * intensity), None)
        self.used += 0.001

    def stop(self) -> None:
        """It measures no longer."""


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> type[Tracker]:
    monkeypatch.setattr(codecarbon, "OfflineEmissionsTracker", Tracker)
    return Tracker


@pytest.fixture(scope="module")
def recipe(tiny_base_dir: Path, made_corpus: Corpus) -> Recipe:
    return Recipe.from_values(
        {
            "name": "made",
            "summary": "A tiny model on made data.",
            "base_model": str(tiny_base_dir),
            "max_length": 32,
            "corpus": made_corpus.model_dump(mode="json"),
            "training": {
                "learning_rate": 1e-3,
                "per_device_train_batch_size": 60,
                "num_train_epochs": 1,
                "seed": 1,
                "checkpoint_steps": 1,
            },
        },
        "test recipe",
    )


def run_cli(*arguments: str | Path) -> int:
    from emohub.cli import main

    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


# What is recorded -----------------------------------------------------------------------------------------------------


def test_the_real_meter_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that hold on any machine: some power, below ten kilowatts, and the table's grams for a kilowatt-hour."""
    monkeypatch.chdir(tmp_path)
    meter = EnergyMeter("DEU", None)
    began = time.perf_counter()
    meter.start()
    first = meter.total()
    until = time.perf_counter() + 0.3
    while time.perf_counter() < until:
        sum(range(1000))
    second = meter.total()
    meter.stop()
    hours = (time.perf_counter() - began) / 3600

    assert 0 <= first.kilowatt_hours < second.kilowatt_hours < 10 * hours
    assert second.kg_co2e == pytest.approx(second.kilowatt_hours * GRAMS / 1000, rel=1e-6)
    assert second.country == "DEU"
    assert second.codecarbon == codecarbon.__version__
    assert "processor" in second.method
    assert "memory estimated from its size" in second.method
    assert list(tmp_path.iterdir()) == []


def test_a_run_records_its_energy(recipe: Recipe, tracker: type[Tracker], tmp_path: Path) -> None:
    record = train(recipe, output_dir=tmp_path / "run", energy=True, country="deu")
    # Asked once at the start, then at each of 4 steps' checkpoints.
    assert record.energy == Energy(
        kilowatt_hours=0.004,
        kg_co2e=0.002,
        country="DEU",
        method="memory estimated from its size",
        codecarbon=codecarbon.__version__,
    )
    assert RunRecord.load(tmp_path / "run" / "run.json") == record


def test_without_a_country_nothing_is_said_of_co2(recipe: Recipe, tracker: type[Tracker], tmp_path: Path) -> None:
    energy = train(recipe, output_dir=tmp_path / "run", max_steps=1, energy=True).energy
    assert energy is not None
    assert (energy.kilowatt_hours, energy.kg_co2e, energy.country) == (0.001, None, None)


def test_nothing_is_measured_unasked(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecarbon, "OfflineEmissionsTracker", lambda **_: pytest.fail("a tracker was made"))
    assert train(recipe, output_dir=tmp_path / "run", max_steps=1).energy is None


def stop_after(step: int) -> Any:
    def on_progress(progress: Progress) -> None:
        if progress.step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return on_progress


def test_sittings_add_up(
    recipe: Recipe, tracker: type[Tracker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    measured = {"output_dir": folder, "energy": True, "country": "DEU"}
    with pytest.raises(StoppedError):
        train(recipe, **measured, on_progress=stop_after(2))  # 2 checkpoints
    monkeypatch.setattr(tracker, "hardware", (type("GPU", (), {})(),))
    record = train(recipe, **measured)  # steps 3 and 4
    assert record.sittings == 2
    assert record.energy is not None
    assert record.energy.kilowatt_hours == pytest.approx(0.004)
    assert record.energy.kg_co2e == pytest.approx(0.002)
    assert record.energy.method == "memory estimated from its size; then GPU by its driver's counters"


def test_a_method_is_named_once(tracker: type[Tracker]) -> None:
    before = Energy(
        kilowatt_hours=1,
        kg_co2e=None,
        country=None,
        method="another; then memory estimated from its size",
        codecarbon="1",
    )
    meter = EnergyMeter(None, before)
    meter.start()
    assert meter.total().method == before.method
    assert meter.total().kilowatt_hours == pytest.approx(1.002)


@pytest.mark.parametrize(
    ("first", "then", "difference"),
    [
        ({}, {"energy": True}, 'energy: null there, "no country" now'),
        ({"energy": True}, {}, 'energy: "no country" there, null now'),
        ({"energy": True}, {"energy": True, "country": "FRA"}, 'energy: "no country" there, "FRA" now'),
    ],
)
def test_no_sitting_goes_uncounted(
    first: dict[str, Any], then: dict[str, Any], difference: str, recipe: Recipe, tracker: type[Tracker], tmp_path: Path
) -> None:
    with pytest.raises(StoppedError):
        train(recipe, output_dir=tmp_path / "run", **first, on_progress=stop_after(1))
    with pytest.raises(TrainingError) as refused:
        train(recipe, output_dir=tmp_path / "run", **then)
    assert difference in str(refused.value)


def test_the_state_between_two_sittings_keeps_every_bit() -> None:
    energy = Energy(kilowatt_hours=0.1 + 0.2, kg_co2e=1 / 3, country="DEU", method="m", codecarbon="3")
    assert RunState.from_json(RunState(8, energy=energy).to_json()).energy == energy
    old = RunState(8).to_json()
    assert RunState.from_json(old).energy is None
    del old["energy"]  # of a run that was begun before there was such a thing
    assert RunState.from_json(old).energy is None


@pytest.mark.parametrize(
    ("name", "attributes", "words"),
    [
        ("CPU", {"_mode": "intel_rapl", "_tdp": None}, "processor by its own energy counters (RAPL)"),
        ("CPU", {"_mode": "cpu_load", "_tdp": 65}, "processor estimated from its load, by a rated power of 65 W"),
        ("CPU", {"_mode": "constant", "_tdp": 85}, "processor at a constant part of an assumed 85 W"),
        ("CPU", {"_mode": "windows_emi", "_tdp": None}, "processor by windows emi"),
        ("GPU", {}, "GPU by its driver's counters"),
        (
            "AppleSiliconChip",
            {"description": lambda self: "Chip (M3 > CPU)"},
            "Chip (M3 > CPU)",
        ),
    ],
)
def test_the_method_stands_in_words(
    name: str, attributes: dict[str, Any], words: str, tracker: type[Tracker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "hardware", (type(name, (), attributes)(),))
    meter = EnergyMeter(None, None)
    meter.start()
    assert meter.total().method == words


def test_the_parts_that_codecarbon_names_are_its_own() -> None:
    from codecarbon.external import hardware, ram

    assert {hardware.CPU.__name__, hardware.GPU.__name__, ram.RAM.__name__} == {"CPU", "GPU", "RAM"}


# What it must not do --------------------------------------------------------------------------------------------------

_PROGRAM = """
import socket, sys
from pathlib import Path

def refuse(*arguments, **named):
    print("NETWORK", arguments)
    raise OSError("the network was asked")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from emohub.train.energy import EnergyMeter, check_energy
for country in (None, "USA"):
    meter = EnergyMeter(check_energy(True, country), None)
    meter.start()
    meter.total()
    meter.stop()
print("KWH", meter.total().kilowatt_hours > 0)
"""


def test_it_is_silent_offline_and_leaves_no_file(tmp_path: Path) -> None:
    """With a configuration that would send, ask servers, write and speak, and with a sudo that would tell."""
    home, work, temporary = (tmp_path / name for name in ("home", "work", "tmp"))
    for folder in (home, work, temporary, tmp_path / "bin"):
        folder.mkdir()
    (home / ".codecarbon.config").write_text(
        "[codecarbon]\nelectricitymaps_api_token = abc\nco2_signal_api_token = abc\nemissions_endpoint = http://localhost:9\n"
        "output_methods = csv,api,prometheus\nlog_level = debug\nallow_multiple_runs = False\nregion = california\n"
        "cloud_provider = gcp\ncloud_region = us-east1\n"
    )
    sudo = tmp_path / "bin" / "sudo"
    sudo.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    sudo.chmod(0o755)
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        capture_output=True,
        text=True,
        cwd=work,
        check=False,
        env={
            **os.environ,
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(root),
            "PYTHONDONTWRITEBYTECODE": "1",
            "CODECARBON_SAVE_TO_API": "true",
            "CODECARBON_LOG_LEVEL": "debug",
        },
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "KWH True\n", "")
    assert sorted(path.name for path in home.iterdir()) == [".codecarbon.config"]
    assert [*work.iterdir(), *temporary.iterdir()] == []
    assert not (tmp_path / "asked").exists()


def test_what_cannot_measure_is_refused(tracker: type[Tracker], monkeypatch: pytest.MonkeyPatch) -> None:
    """CodeCarbon swallows its own failures; then it has no figures."""
    monkeypatch.setattr(tracker, "flush", lambda self: None)
    with pytest.raises(TrainingError, match="cannot measure energy on this machine"):
        EnergyMeter(None, None).start()


# Refusals -------------------------------------------------------------------------------------------------------------


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, recipe: Recipe, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "codecarbon.input", None)
    with pytest.raises(UsageError, match=r"pip install 'emohub\[energy\]'"):
        train(recipe, output_dir=tmp_path / "run", energy=True)
    assert not (tmp_path / "run").exists()


def test_countries_are_checked() -> None:
    assert check_energy(True, " fra ") == "FRA"
    assert check_energy(True, None) is None
    assert check_energy(False, None) is None
    for country in ("Germany", "DE", "XYZ", ""):
        with pytest.raises(UsageError, match="alpha-3 code"):
            check_energy(True, country)
    with pytest.raises(UsageError, match="add --energy"):
        check_energy(False, "DEU")


def test_the_command_shows_and_records(
    tracker: type[Tracker],
    tiny_base_dir: Path,
    made_corpus: Corpus,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for split in ("train", "validation"):
        write_rows(tmp_path / f"{split}.csv", [("i am happy", 1), ("so gloomy", 0), ("hate this", 2)])
    (tmp_path / "tiny.toml").write_text(
        f"""
        name = "tiny"
        summary = "A tiny model."
        base_model = "{tiny_base_dir}"
        max_length = 32
        [corpus]
        name = "three"
        title = "Three sentences"
        labels = ["sadness", "joy", "anger"]
        splits.train.file = "train.csv"
        splits.validation.file = "validation.csv"
        [training]
        learning_rate = 1e-3
        per_device_train_batch_size = 3
        num_train_epochs = 1
        seed = 1
        """
    )
    command = ("train", tmp_path / "tiny.toml", "--output-dir", tmp_path / "run")
    assert run_cli(*command, "--energy", "--country", "DEU") == 0
    assert "Energy 1 Wh, 0.5 g CO2e (memory estimated from its size)" in capsys.readouterr().out
    record = RunRecord.load(tmp_path / "run" / "run.json")
    assert record.energy is not None
    assert record.energy.country == "DEU"

    for wrong in (("--country", "DEU"), ("--energy", "--find-lr"), ("--energy", "--on", "hf-jobs")):
        assert run_cli("train", tmp_path / "tiny.toml", *wrong) == 2
        assert "nergy" in capsys.readouterr().err
