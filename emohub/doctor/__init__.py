"""Whether this machine can run emohub: what was found beside what is wanted, and what to do about the difference.

With a documented recipe: the versions that its document names beside the installed ones, and what changed in between.
Nothing is written, installed or sent anywhere but to the Hub, which is asked whether it is there and whose token it is.
"""

from collections.abc import Iterator

from emohub.doctor.changes import CHANGES, Change
from emohub.doctor.check import Check, Status
from emohub.doctor.machine import machine_checks
from emohub.doctor.packages import package_checks
from emohub.doctor.versions import DocumentedVersions, compare_versions

__all__ = ["CHANGES", "Change", "Check", "DocumentedVersions", "Status", "compare_versions", "examine"]


def examine() -> Iterator[Check]:
    """Look at everything: Python and packages, torch and its devices, the machine, the Hub."""
    yield from package_checks()
    # Only now, because a doctor has to speak where these libraries are missing or broken too.
    try:
        from emohub.doctor.computing import computing_checks  # noqa: PLC0415
    except (ImportError, OSError) as error:
        yield _broken("torch", error)
    else:
        yield from computing_checks()
    yield from machine_checks()
    try:
        from emohub.doctor.hub import hub_checks  # noqa: PLC0415
    except (ImportError, OSError) as error:
        yield _broken("huggingface_hub", error)
    else:
        yield from hub_checks()


def _broken(library: str, error: Exception) -> Check:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return Check(library, "failure", f"cannot be loaded: {reason}", "loads", "install emohub's requirements anew")
