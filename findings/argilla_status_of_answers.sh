#!/bin/sh
# argilla 2.8.0: a record that goes through `to_dict` and `from_dict`, as `to_json` and `from_json` do it, loses the
# status of its answers: a draft and a discarded answer look like a submitted one.
#
# Expected, written down before the run: the JSON of a record has all that is known of its answers, and reading it gives
# the same answers. `to_list(flatten=True)` has the status, as NAME.responses.status.
#
# Seen: `to_dict` writes the value and the user only; after `from_dict` the status of all three answers is None.
#
# Tried on 2026-11-30. Fails if this changes.
# Needs: python3 with venv, and PyPI. Takes a minute; no server.
set -eu
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
python3 -m venv "$where/venv"
"$where/venv/bin/pip" install --quiet argilla==2.8.0 requests==2.34.2
"$where/venv/bin/python" - <<'PYTHON' || exit 1
from uuid import UUID

import argilla as rg

statuses = ("submitted", "draft", "discarded")
answers = [rg.Response("label", "cat", UUID(int=i), status) for i, status in enumerate(statuses)]
record = rg.Record(id="one", fields={"text": "a text"}, responses=answers)
print("before:", [answer.status.value for answer in record.responses])
written = record.to_dict()
print("written:", written["responses"])
again = rg.Record.from_dict(written)
seen = [answer.status for answer in again.responses]
print("after:", seen, "expected", list(statuses))
if seen != [None, None, None] or any("status" in one for one in written["responses"]["label"]):
    print("the behaviour has changed")
    raise SystemExit(1)
PYTHON
