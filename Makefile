# make          what there is to make
# make demo     the whole way on rendered faces: data, training, evaluation, submission, pictures
# make test     what has to hold before a change goes in
#
# Everything runs in .venv, which is made on first use with the packages of constraints.txt.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
EXTRAS := train,dev,bench
MINUTES ?= 1
PYTEST ?=
CHECKED := src tests benchmarks recipes

# Nothing of the caller's Python may leak in; pyright must not look for newer versions of itself.
unexport PYTHONPATH PYTHONHOME
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo test lint format bench clean distclean

help: ## this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

setup: $(STAMP) ## .venv with facepoints and every extra, as pinned in constraints.txt

# The stamp comes last, so an installation that was cut off starts over; one that was whole
# is brought up to date.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, '$(PYTHON)' is not; try: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@if [ -e $(STAMP) ] && $(BIN)/python -c ''; then rm $(STAMP); else $(PYTHON) -m venv --clear $(VENV); fi || { \
	  echo "could not make $(VENV); on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install -q -c constraints.txt pip
	$(BIN)/python -m pip install -q -c constraints.txt hatchling editables
	$(BIN)/python -m pip install -q -c constraints.txt --no-build-isolation -e '.[$(EXTRAS)]'
	$(BIN)/python -m pip check
	@touch $(STAMP)

# A small network, so that a minute on two cores is enough. The defaults want more time.
demo: export FACEPOINTS_CACHE := demo/cache
demo: $(STAMP) ## the whole way on rendered faces, about two minutes; results in demo/
	@rm -rf demo
	@echo "== 1. Faces in the files of Kaggle's competition, and others to measure on"
	$(BIN)/facepoints synthetic demo/data
	$(BIN)/facepoints synthetic demo/others --count 300 --seed 1
	@echo "== 2. A look at the labels"
	$(BIN)/facepoints show demo/data/training.csv --out demo/labels.png
	@echo "== 3. Training"
	$(BIN)/facepoints train demo/data/training.csv --out demo/run \
	  --network lenet5 --augment light --minutes $(MINUTES)
	@echo "== 4. Evaluation on faces the network has not seen"
	$(BIN)/facepoints evaluate demo/run demo/others/training.csv --out demo/evaluation
	$(BIN)/facepoints show demo/others/training.csv --run demo/run --out demo/predictions.png
	@echo "== 5. A submission, scored with the answers that only a rendered test set has"
	$(BIN)/facepoints submit demo/run demo/data/test.csv demo/data/IdLookupTable.csv \
	  --out demo/submission.csv --score demo/data/solution.csv
	@printf '%s\n' "$$AFTER_DEMO"

define AFTER_DEMO

Done. Look at these pictures:

  demo/labels.png              what the network learned from: most faces carry only 4 of 15 points
  demo/predictions.png         new faces: green is the truth, orange what the network says
  demo/run/curves.png          how training went
  demo/evaluation/worst.png    the faces it is most wrong about
  demo/evaluation/ced.png      how many faces stay below which error

and files:

  demo/run/                    the trained network with its settings; facepoints evaluate, submit
                               and show take it
  demo/evaluation/evaluation.json
  demo/submission.csv          as Kaggle takes it

RMSE is how far a coordinate is off, in pixels of a 96 x 96 picture. Always answering with the
average face would score about 3.7 here; longer training (make demo MINUTES=5) lowers it further.
With your own labels: $(BIN)/facepoints train YOUR_LABELS --out my-run
endef
export AFTER_DEMO

test: lint ## ruff, pyright and all tests; PYTEST="-k mirror" picks some
	$(BIN)/python -m pytest --durations=10 $(PYTEST)

lint: $(STAMP) ## ruff and pyright
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/pyright

format: $(STAMP) ## put the code in ruff's format
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

bench: $(STAMP) ## every benchmarks/*.py, an hour or more; results in benchmarks/results/
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

clean: ## remove what runs and tests leave behind
	rm -rf demo build dist .pytest_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv
	rm -rf $(VENV)
