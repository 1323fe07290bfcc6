"""What a training uses of electricity, through CodeCarbon: without a network, in silence, and leaving no file.

CodeCarbon reads the processor's own counters where the system lets it (RAPL), and NVIDIA's library for GPUs; else it
estimates from load and rated power. It measures the whole machine, whatever else runs on it.
"""

import logging
from importlib import metadata
from typing import Any

from emohub.errors import TrainingError, UsageError
from emohub.record import Energy

_SECONDS = 15.0
"""Time between two measurements. Load is sampled every second in any case."""
_THEN = "; then "
"""Between the methods of two sittings on different machines."""
_CPU_METHODS = {
    "intel_rapl": "processor by its own energy counters (RAPL)",
    "cpu_load": "processor estimated from its load, by a rated power of {watts:g} W",
    "constant": "processor at a constant part of an assumed {watts:g} W",
}


def check_energy(energy: bool, country: str | None) -> str | None:
    """The code of the country as CodeCarbon knows it; None when none is given.

    Raises:
        UsageError: CodeCarbon is not installed, it knows no such country, or a country stands by itself.
    """
    if not energy:
        if country is not None:
            raise UsageError("a country says how clean the energy was that is measured", "add --energy")
        return None
    try:
        from codecarbon.input import DataSource  # noqa: PLC0415  # CodeCarbon is optional
    except ImportError:
        raise UsageError(
            "CodeCarbon, which measures energy, is not installed", "pip install 'emohub[energy]', or leave --energy out"
        ) from None
    if country is None:
        return None
    code = country.strip().upper()
    if code not in DataSource().get_global_energy_mix_data():
        raise UsageError(f"there is no country {country!r}", "give its ISO 3166-1 alpha-3 code, such as DEU or USA")
    return code


class EnergyMeter:
    """Measures from ``start`` to ``stop``, and adds that to what earlier sittings used."""

    def __init__(self, country: str | None, before: Energy | None) -> None:
        """``country`` is a code that :func:`check_energy` returned; ``before`` is what earlier sittings used."""
        self._country, self._before = country, before

    def start(self) -> None:
        """Find the machine's parts and start, which takes a second or two.

        Raises:
            TrainingError: CodeCarbon cannot measure on this machine.
        """
        self._latest = _Latest()
        self._tracker = _start(self._country, self._latest)
        if self._latest.figures is None:
            raise TrainingError("CodeCarbon cannot measure energy on this machine", "leave --energy out")

    def stop(self) -> None:
        """Measure no longer."""
        self._tracker.stop()

    def total(self) -> Energy:
        """What all sittings have used so far."""
        self._tracker.flush()
        figures, method = self._latest.figures, _method(self._tracker)
        used, kilograms = float(figures.energy_consumed), float(figures.emissions)
        if self._before is not None:
            used += self._before.kilowatt_hours
            kilograms += self._before.kg_co2e or 0.0
            method = _THEN.join(dict.fromkeys([*self._before.method.split(_THEN), method]))
        return Energy(
            kilowatt_hours=used,
            kg_co2e=None if self._country is None else kilograms,
            country=self._country,
            method=method,
            codecarbon=metadata.version("codecarbon"),
        )


class _Latest:
    """Takes CodeCarbon's figures, in the place of a file or a server, which are its own ways to give them away."""

    figures: Any = None

    def out(self, total: Any, _: Any) -> None:
        """All figures so far, at each ``flush()`` and at ``stop()``."""
        self.figures = total

    def exit(self) -> None:
        """Nothing is left to be done."""


def _start(country: str | None, output: _Latest) -> Any:
    """A running tracker, every option given, because CodeCarbon takes those that are not from files and variables.

    Some of these options would make it call a server. On a Mac it reads the load and never asks for a password: it
    would do so with processors of Intel alone, for which there is no torch any more.
    """
    from codecarbon import OfflineEmissionsTracker  # noqa: PLC0415  # CodeCarbon is optional

    logging.getLogger("codecarbon").setLevel(logging.CRITICAL)  # before it speaks of its options
    tracker = OfflineEmissionsTracker(
        country_iso_code=country,
        region=None,
        cloud_provider=None,
        cloud_region=None,
        country_2letter_iso_code=None,
        force_carbon_intensity_g_co2e_kwh=0.0 if country is None else None,
        electricitymaps_api_token="",  # None would be looked up
        emissions_endpoint=None,
        output_methods=[],
        output_handlers=[output],
        api_call_interval=-1,
        measure_power_secs=_SECONDS,
        tracking_mode="machine",
        gpu_ids=None,
        force_cpu_power=None,
        force_ram_power=None,
        force_mode_cpu_load=False,
        rapl_include_dram=False,
        rapl_prefer_psys=False,
        pue=1.0,
        wue=0.0,
        allow_multiple_runs=True,
        log_level="critical",
        logger_preamble="",
        metadata=None,
    )
    tracker.start()
    tracker.flush()
    return tracker


def _method(tracker: Any) -> str:
    """How each part of the machine is measured, in words."""
    parts = []
    for part in tracker._hardware:  # it offers no other way to tell a measurement from an estimate
        kind = type(part).__name__
        if kind == "CPU":
            words = _CPU_METHODS.get(part._mode, f"processor by {part._mode.replace('_', ' ')}")
            parts.append(words.format(watts=part._tdp or 0))
        elif kind == "GPU":
            parts.append("GPU by its driver's counters")
        elif kind == "RAM":
            parts.append("memory estimated from its size")
        else:
            parts.append(part.description())
    return ", ".join(parts)
