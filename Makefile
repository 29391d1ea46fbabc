# `make run` builds the environment when needed and runs the embedded example;
# `make test` runs every test; `make verify` computes the results again and compares them.
# `make benchmark` measures every model on real data.
# The rest are the parts these are made of.
PYTHON ?= python3.11
CORES ?= 2
# More than the cores: some tests wait, for Slurm or for a run that is to be killed.
TESTERS ?= 3
CONFIG ?= config/config.yaml
RESULTS ?= results
VENV := .venv
BIN := $(VENV)/bin
# The data sets of `make benchmark`: folders of BREEDCAST_DATA, each with a config.
DATA ?= wheat599 maize281 potato4x soynam
REPEATS ?= 1
VERIFY := PYTHONPATH=workflow $(BIN)/python -m breedcast.manifest

.PHONY: run test verify benchmark check format lock clean

run: $(VENV)/.built
	$(BIN)/snakemake --cores $(CORES)

test: $(VENV)/.built
	$(BIN)/pytest --numprocesses $(TESTERS) --dist loadfile --no-loadscope-reorder

# RESULTS, which CONFIG gave, once more in a fresh folder: it stays where any file differs.
verify: $(VENV)/.built
	rm -rf $(RESULTS)-again
	$(BIN)/snakemake --cores $(CORES) --configfile $(CONFIG) --config output=$(RESULTS)-again
	$(VERIFY) $(RESULTS) $(RESULTS)-again
	rm -rf $(RESULTS)-again

# Each data set through the workflow, then one table of all. Networks take hours; it goes on where it was.
benchmark: $(VENV)/.built
	for data in $(DATA); do $(BIN)/snakemake --cores $(CORES) --configfile config/$$data.yaml \
	    --config validation='{repeats: $(REPEATS)}' || exit; done
	PYTHONPATH=workflow:. $(BIN)/python tests/benchmarks/table.py $(DATA:%=results-%)

# What CI runs beside the tests.
check: $(VENV)/.built
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

format: $(VENV)/.built
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow

# Exact versions with hashes. PyTorch comes last and without one: its builds (CPU, CUDA)
# share a version; set PIP_INDEX_URL or PIP_EXTRA_INDEX_URL to choose.
$(VENV)/.built: envs/lock.txt envs/torch.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r envs/lock.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/torch.txt
	touch $@

lock: $(VENV)/.built
	$(BIN)/uv pip compile envs/requirements.in --quiet --python-version 3.11 --generate-hashes \
	    --annotation-style line --custom-compile-command "make lock" --upgrade -o envs/lock.txt

clean:
	rm -rf $(VENV) .snakemake results logs benchmarks checkpoints
