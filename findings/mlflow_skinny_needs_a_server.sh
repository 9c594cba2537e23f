#!/bin/sh
# mlflow-skinny 3.17.2: the small client of the experiment tracker logs to a server only.
#
# Expected, written down before the run: as in the tutorials, without a server runs go to files (`./mlruns`) or, with
# `sqlite:///`, to a database, and the small package can do both, as it could with 2.x.
#
# Seen: files are refused ("maintenance mode", unless MLFLOW_ALLOW_FILE_STORE=true is set), and `sqlite:///` is refused,
# because only the full package has a store on a database. So a project that depends on the small package must be given
# the address of a server.
#
# Tried on 2026-11-30. Fails if this changes.
# Needs: python3 with venv, and PyPI. Takes a minute.
set -eu
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
python3 -m venv "$where/venv"
"$where/venv/bin/pip" install --quiet mlflow-skinny==3.17.2
cd "$where"
env -u MLFLOW_TRACKING_URI -u MLFLOW_ALLOW_FILE_STORE "$where/venv/bin/python" - "$where" <<'PYTHON' || exit 1
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

where = sys.argv[1]
print("mlflow-skinny", mlflow.__version__)
changed = False
for address in (f"file://{where}/runs", f"sqlite:///{where}/runs.db"):
    try:
        MlflowClient(address).create_experiment("pilot")
        print(address.partition(":")[0], "taken")
        changed = True
    except MlflowException as error:
        print(address.partition(":")[0], "refused:", str(error).strip().split(".")[0][:100])
if changed:
    print("the behaviour has changed")
    raise SystemExit(1)
PYTHON
