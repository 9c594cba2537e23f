"""What an installation of activessl consists of, as a CycloneDX list, and which of it has known vulnerabilities.

    python .ci/sbom.py --out dist/activessl.cdx.json            # the list, from what is installed here; no network
    python .ci/sbom.py --out dist/activessl.cdx.json --audit    # and ask OSV, https://osv.dev, about each of it

The list has what ``pip install activessl`` installs, without extras: names, versions, licenses and who needs what. The
audit is left out, with a word, where OSV cannot be reached. Advisories in ``.ci/accepted-advisories`` (a number a line,
with the reason) are printed and do not fail.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "activessl"
#: Asks about many packages in one request.
OSV = os.environ.get("ACTIVESSL_OSV_URL", "https://api.osv.dev/v1/querybatch")
SECONDS = 15.0
ACCEPTED = Path(__file__).with_name("accepted-advisories")


def needs(found: Distribution, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    """The packages that an installed one needs here, with the extras that it asks of them."""
    wanted = []
    for text in found.requires or ():
        one = Requirement(text)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            wanted.append((canonicalize_name(one.name), frozenset(one.extras)))
    return wanted


def installed(root: str = ROOT) -> tuple[dict[str, Distribution], dict[str, list[str]]]:
    """All packages that a package needs, by name, and who needs what.

    Raises:
        PackageNotFoundError: One of them is not installed.
    """
    packages: dict[str, Distribution] = {}
    edges: dict[str, list[str]] = {}
    waiting: list[tuple[str, frozenset[str]]] = [(root, frozenset())]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        packages.setdefault(name, distribution(name))
        wanted = needs(packages[name], extras)
        edges[name] = sorted({*edges.get(name, ()), *(other for other, _ in wanted)})
        waiting += wanted
    return dict(sorted(packages.items())), edges


def reference(name: str, found: Distribution) -> str:
    """The address of a package in the list."""
    return f"pkg:pypi/{name}@{found.version}"


def bill(packages: Mapping[str, Distribution], edges: Mapping[str, list[str]]) -> dict[str, Any]:
    """The list in the form of CycloneDX 1.5."""
    components = []
    for name, found in packages.items():
        one: dict[str, Any] = {
            "type": "library",
            "name": name,
            "version": found.version,
            "purl": reference(name, found),
            "bom-ref": reference(name, found),
        }
        license_ = found.metadata.get("License-Expression") or found.metadata.get("License")
        if license_ and "\n" not in license_ and len(license_) < 100:
            one["licenses"] = [{"license": {"name": license_}}]
        components.append(one)
    root = next(one for one in components if one["name"] == ROOT)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": root | {"type": "application"},
        },
        "components": [one for one in components if one["name"] != ROOT],
        "dependencies": [
            {"ref": reference(name, packages[name]), "dependsOn": [reference(o, packages[o]) for o in edges[name]]}
            for name in packages
        ],
    }


def advisories(packages: Mapping[str, Distribution]) -> dict[str, list[str]]:
    """The known vulnerabilities of each package, by OSV.

    Raises:
        OSError: OSV cannot be reached.
        ValueError: It answers something else.
    """
    names = [name for name in packages if name != ROOT]
    asked = [{"package": {"name": n, "ecosystem": "PyPI"}, "version": packages[n].version} for n in names]
    request = urllib.request.Request(  # noqa: S310 - the address is ours
        OSV, data=json.dumps({"queries": asked}).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
        said = json.loads(answer.read(50_000_000))
    results = said.get("results") if isinstance(said, dict) else None
    if not isinstance(results, list) or len(results) != len(names):
        raise ValueError("another answer than OSV gives")
    return {
        name: sorted(str(one.get("id")) for one in result.get("vulns") or ())
        for name, result in zip(names, results, strict=True)
        if isinstance(result, dict) and result.get("vulns")
    }


def accepted(path: Path = ACCEPTED) -> dict[str, str]:
    """The advisories that somebody has looked at, with the reason why they do no harm here."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    parts = (line.partition(" ") for line in lines if line.strip() and not line.startswith("#"))
    return {number: why.strip() for number, _, why in parts}


def audit(packages: Mapping[str, Distribution]) -> int:
    """Print what OSV knows, and return the exit code."""
    try:
        found = advisories(packages)
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        print(f"audit left out: {OSV} cannot be asked ({why}); run `make sbom` where there is internet")
        return 0
    known, new = accepted(), 0
    for name, numbers in found.items():
        for number in numbers:
            why = known.get(number)
            new += why is None
            print(f"{name} {packages[name].version}: {number}" + (f" (accepted: {why})" if why is not None else ""))
    print(f"audit: {len(packages) - 1} packages, {new} with advisories that nobody has looked at")
    if new:
        print(f" hint: raise the version in .ci/constraints.txt, or add the number and the reason to {ACCEPTED.name}")
    return int(new > 0)


def main() -> None:
    """Write the list, and audit it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--audit", action="store_true")
    args = parser.parse_args()
    try:
        packages, edges = installed()
    except PackageNotFoundError as error:
        sys.exit(f"error: {error.name} is not installed\n hint: run make install")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(bill(packages, edges), indent=1) + "\n", encoding="utf-8")
    print(f"{args.out}: {len(packages) - 1} packages")
    sys.exit(audit(packages) if args.audit else 0)


if __name__ == "__main__":
    main()
