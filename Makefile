# make          what there is to make
# make demo     faces and their points in a photo, in rendered pictures and in a clip
# make test     what has to hold before a change goes in
#
# Everything runs in .venv, which is made on first use with the packages of constraints.txt:
# all of them, but for `make demo`, which installs the few that finding points needs.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
CORE := $(VENV)/.core
EXTRAS := train,video,dev,bench
MODEL ?=
MINUTES ?= 1
DATA ?= ../shared/data
PYTEST ?=
CHECKED := src tests benchmarks recipes examples

# Nothing of the caller's Python may leak in; pyright must not look for newer versions of itself.
unexport PYTHONPATH PYTHONHOME
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo demo-train test lint format bench weights clean distclean

help: ## this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

setup: $(STAMP) ## .venv with facepoints and every extra, as pinned in constraints.txt

# A stamp comes last, so an installation that was cut off starts over; one that was whole
# is brought up to date or added to.
define begin
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, '$(PYTHON)' is not; try: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@if [ -e $(STAMP) -o -e $(CORE) ] && $(BIN)/python -c ''; then rm -f $(STAMP) $(CORE); \
	  else $(PYTHON) -m venv --clear $(VENV); fi || { \
	  echo "could not make $(VENV); on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install -q -c constraints.txt pip
	$(BIN)/python -m pip install -q -c constraints.txt hatchling editables
endef

$(STAMP): pyproject.toml constraints.txt
	$(begin)
	$(BIN)/python -m pip install -q -c constraints.txt --no-build-isolation -e '.[$(EXTRAS)]'
	$(BIN)/python -m pip check
	@touch $@

$(CORE): pyproject.toml constraints.txt
	$(begin)
	$(BIN)/python -m pip install -q -c constraints.txt --no-build-isolation -e '.[video]' scikit-image
	$(BIN)/python -m pip check
	@touch $@

demo: $(if $(wildcard $(STAMP)),$(STAMP),$(CORE)) ## faces and points in pictures and a clip; results in build/demo/
	@rm -rf build/demo
	@echo "== 1. A photo, and rendered faces"
	$(BIN)/python examples/photos.py build/demo/pictures
	@echo "== 2. Their faces"
	$(BIN)/facepoints predict build/demo/pictures --out build/demo/faces.jsonl \
	  --draw build/demo/drawn $(if $(MODEL),--model '$(MODEL)')
	@echo "== 3. The same with the radius of every point"
	$(BIN)/facepoints predict build/demo/pictures --radius \
	  --draw build/demo/radius $(if $(MODEL),--model '$(MODEL)')
	@echo "== 4. A clip of two people who pass each other"
	$(BIN)/python examples/clip.py build/demo/clip.mp4
	$(BIN)/facepoints predict build/demo/clip.mp4 --out build/demo/clip.csv \
	  --draw build/demo/clip-points.mp4 $(if $(MODEL),--model '$(MODEL)')
	$(BIN)/python examples/clip.py build/demo/clip-points.mp4 --strip build/demo/clip-points.png
	@printf '%s\n' "$$AFTER_DEMO"

define AFTER_DEMO

Done. Look at these pictures:

  build/demo/drawn/astronaut.png    a photo: 68 points and the edges between them
  build/demo/drawn/rendered.png     twelve faces that exist in no photo
  build/demo/radius/astronaut.png   the same points, each in the disc that holds the true place
  build/demo/radius/rendered.png    90 times in 100: wide where hair, hands or glasses hide it
  build/demo/clip-points.mp4        two people who pass each other, followed: each keeps a number
  build/demo/clip-points.png        six frames of it

and at what a program reads:

  build/demo/faces.jsonl            a line per picture: faces, boxes, scores, points, radii
  build/demo/clip.csv               a row per face and frame, with the number of its track

With your own pictures: $(BIN)/facepoints predict PHOTOS --draw drawn --out faces.jsonl
and with a video:       $(BIN)/facepoints predict CLIP.mp4 --draw clip-points.mp4 --out clip.csv
endef
export AFTER_DEMO

# A small network, so that a minute on two cores is enough. The defaults want more time.
demo-train: export FACEPOINTS_CACHE := build/demo-train/cache
demo-train: $(STAMP) ## training on rendered faces, about two minutes; results in build/demo-train/
	@rm -rf build/demo-train
	@echo "== 1. Faces in the files of Kaggle's competition, and others to measure on"
	$(BIN)/facepoints synthetic --out build/demo-train/data
	$(BIN)/facepoints synthetic --out build/demo-train/others --count 300 --seed 1
	@echo "== 2. A look at the labels"
	$(BIN)/facepoints show build/demo-train/data/training.csv --out build/demo-train/labels.png
	@echo "== 3. Training"
	$(BIN)/facepoints train build/demo-train/data/training.csv --out build/demo-train/run \
	  --network lenet5 --augment light --minutes $(MINUTES)
	@echo "== 4. Evaluation on faces the network has not seen"
	$(BIN)/facepoints evaluate build/demo-train/others/training.csv --model build/demo-train/run \
	  --out build/demo-train/evaluation
	$(BIN)/facepoints show build/demo-train/others/training.csv --model build/demo-train/run \
	  --out build/demo-train/predictions.png
	@echo "== 5. A submission, scored with the answers that only a rendered test set has"
	$(BIN)/facepoints submit build/demo-train/data/test.csv \
	  build/demo-train/data/IdLookupTable.csv --model build/demo-train/run --out build/demo-train/submission.csv \
	  --score build/demo-train/data/solution.csv
	@printf '%s\n' "$$AFTER_TRAINING"

define AFTER_TRAINING

Done. Look at these pictures:

  build/demo-train/labels.png              what the network learned from: most faces carry only 4 of 15 points
  build/demo-train/predictions.png         new faces: green is the truth, orange what the network says
  build/demo-train/run/curves.png          how training went
  build/demo-train/evaluation/worst.png    the faces it is most wrong about
  build/demo-train/evaluation/ced.png      how many faces stay below which error

and files:

  build/demo-train/run/                    the trained network with its settings; facepoints evaluate, submit
                               and show take it
  build/demo-train/evaluation/evaluation.json
  build/demo-train/submission.csv          as Kaggle takes it

RMSE is how far a coordinate is off, in pixels of a 96 x 96 picture. Always answering with the
average face would score about 3.7 here; longer training (make demo-train MINUTES=5) lowers it further.
With your own labels: $(BIN)/facepoints train YOUR_LABELS --out my-run
endef
export AFTER_TRAINING

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

weights: $(STAMP) ## train the shipped networks anew on DATA=folder: hours; resumes where it was cut off
	$(BIN)/python recipes/detector.py --data '$(DATA)' --install
	$(BIN)/python recipes/points.py --data '$(DATA)' --install
	$(BIN)/python recipes/measure_factors.py --data '$(DATA)' --install

clean: ## remove what runs and tests leave behind
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv
	rm -rf $(VENV)
