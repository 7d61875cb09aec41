# make          list the targets
# make demo     find faces and their landmarks in a photo, in rendered images and in a clip
# make test     run every check that a change has to pass
#
# Everything runs in .venv. The first use creates it with the packages of constraints.txt: all
# of them, except for `make demo`, which installs only what prediction needs.

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
EXTRAS := train,video,heic,parquet,remote,cluster,web,dev,docs,bench
MODEL ?=
MINUTES ?= 1
TRIES ?= 200
DATA ?= ../shared/data
STUDENT ?=
PYTEST ?=
WORKERS ?= 2
CHECKED := src tests benchmarks recipes examples docs

# Keep the caller's Python settings out; pyright must not look for newer versions of itself.
unexport PYTHONPATH PYTHONHOME
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help setup demo demo-train test tests fuzz kill-test page-runtime lint format docs bench weights clean distclean

help: ## print this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

setup: $(STAMP) ## install facepoints and every extra in .venv, as pinned in constraints.txt

# The stamp is written last, so an interrupted installation starts over. A complete one is
# updated, or extended.
define begin
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, '$(PYTHON)' is not; try: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@if [ -e $(STAMP) -o -e $(CORE) ] && $(BIN)/python -c ''; then rm -f $(STAMP) $(CORE); \
	  else $(PYTHON) -m venv --clear $(VENV); fi || { \
	  echo "could not create $(VENV); on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install -q -c constraints.txt pip hatchling editables
endef

$(STAMP): pyproject.toml constraints.txt
	$(begin)
	@# compiling all modules would take more than a minute; each is compiled when it is first imported
	$(BIN)/python -m pip install -q --no-compile -c constraints.txt --no-build-isolation -e '.[$(EXTRAS)]'
	$(BIN)/python -m pip check
	@$(BIN)/python -m facepoints.web.fetch_runtime || echo "continuing without the page of facepoints serve" >&2
	@touch $@

$(CORE): pyproject.toml constraints.txt
	$(begin)
	$(BIN)/python -m pip install -q -c constraints.txt --no-build-isolation -e '.[video]' scikit-image
	$(BIN)/python -m pip check
	@touch $@

demo: $(if $(wildcard $(STAMP)),$(STAMP),$(CORE)) ## find landmarks in images and a clip; results in build/demo/
	@rm -rf build/demo
	@echo "== 1. A photo, and rendered faces"
	$(BIN)/python examples/photos.py build/demo/images
	@echo "== 2. Their landmarks"
	$(BIN)/facepoints predict build/demo/images --out build/demo/faces.jsonl \
	  --draw build/demo/drawn $(if $(MODEL),--model '$(MODEL)')
	@echo "== 3. The same, with the radius of every point"
	$(BIN)/facepoints predict build/demo/images --radius \
	  --draw build/demo/radius $(if $(MODEL),--model '$(MODEL)')
	@echo "== 4. A clip of two people who pass each other"
	$(BIN)/python examples/clip.py build/demo/clip.mp4
	$(BIN)/facepoints predict build/demo/clip.mp4 --out build/demo/clip.csv \
	  --draw build/demo/clip-points.mp4 $(if $(MODEL),--model '$(MODEL)')
	$(BIN)/python examples/clip.py build/demo/clip-points.mp4 --strip build/demo/clip-points.png
	@printf '%s\n' "$$AFTER_DEMO"

define AFTER_DEMO

Done. Look at these images:

  build/demo/drawn/astronaut.png    a photo: 70 points and the edges between them
  build/demo/drawn/rendered.png     twelve rendered faces
  build/demo/radius/astronaut.png   the same points with their 90 % error radii
  build/demo/radius/rendered.png    radii are wide where hair, hands or glasses hide a point
  build/demo/clip-points.mp4        two people who pass each other; each keeps a track number
  build/demo/clip-points.png        six frames of that clip

and at these files:

  build/demo/faces.jsonl            a line per image: faces, boxes, scores, points, radii
  build/demo/clip.csv               a row per face and frame, with the track number

With your own photos: $(BIN)/facepoints predict PHOTOS --draw drawn --out faces.jsonl
and with a video:       $(BIN)/facepoints predict CLIP.mp4 --draw clip-points.mp4 --out clip.csv
endef
export AFTER_DEMO

# A small network, so that a minute on two cores is enough. The defaults need more time.
demo-train: export FACEPOINTS_CACHE := build/demo-train/cache
demo-train: $(STAMP) ## train on rendered faces for about two minutes; results in build/demo-train/
	@rm -rf build/demo-train
	@echo "== 1. Render faces: a data set as in Kaggle's competition, and other faces to evaluate on"
	$(BIN)/facepoints synthetic --out build/demo-train/data
	$(BIN)/facepoints synthetic --out build/demo-train/others --count 300 --seed 1
	@echo "== 2. Draw the labels"
	$(BIN)/facepoints show build/demo-train/data/training.csv --out build/demo-train/labels.png
	@echo "== 3. Training"
	$(BIN)/facepoints train build/demo-train/data/training.csv --out build/demo-train/run \
	  --network lenet5 --augment light --minutes $(MINUTES)
	@echo "== 4. Evaluation on the other faces"
	$(BIN)/facepoints evaluate build/demo-train/others/training.csv --model build/demo-train/run \
	  --out build/demo-train/evaluation
	$(BIN)/facepoints show build/demo-train/others/training.csv --model build/demo-train/run \
	  --out build/demo-train/predictions.png
	@echo "== 5. A submission, scored with the solution of the rendered test set"
	$(BIN)/facepoints submit build/demo-train/data/test.csv \
	  build/demo-train/data/IdLookupTable.csv --model build/demo-train/run --out build/demo-train/submission.csv \
	  --score build/demo-train/data/solution.csv
	@printf '%s\n' "$$AFTER_TRAINING"

define AFTER_TRAINING

Done. Look at these images and pages:

  build/demo-train/labels.png              the training labels: most faces have only 4 of 15 points
  build/demo-train/predictions.png         new faces: green is the truth, orange the prediction
  build/demo-train/run/curves.png          error by epoch
  build/demo-train/run/report.html         a page about the training: open it in a browser
  build/demo-train/evaluation/report.html  a page about the evaluation
  build/demo-train/evaluation/worst.png    the faces with the largest errors
  build/demo-train/evaluation/ced.png      share of faces below each error

and at these files:

  build/demo-train/run/                    the run: weights, model.onnx and settings; facepoints
                                           evaluate, submit and show take it
  build/demo-train/evaluation/evaluation.json
  build/demo-train/submission.csv          in the format of Kaggle's competition

RMSE is the root mean square error of a coordinate, in pixels of a 96 x 96 image. Predicting the
average face every time would score about 3.7 here. Longer training (make demo-train MINUTES=5)
lowers the error further.
With your own labels: $(BIN)/facepoints train YOUR_LABELS --out my-run
endef
export AFTER_TRAINING

test: lint tests ## run ruff, pyright and all tests; PYTEST='-m "not slow"' runs the quick ones

tests: page-runtime ## run all tests, without ruff and pyright
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=10 $(PYTEST)

fuzz: $(STAMP) ## read mutated files for MINUTES=1 with every reader; failures in build/fuzz/
	PYTHONPATH=tests $(BIN)/python tests/fuzz/run.py --minutes '$(MINUTES)' --out build/fuzz

kill-test: $(STAMP) ## interrupt every writing command TRIES=200 times; failures in build/kill-test/
	$(BIN)/python tests/interruptions/kill.py --tries '$(TRIES)' --out build/kill-test

page-runtime: $(STAMP) ## fetch what the page computes with from npm, if it is not there
	$(BIN)/python -m facepoints.web.fetch_runtime

lint: $(STAMP) ## run ruff and pyright
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/pyright

format: $(STAMP) ## format the code with ruff
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

docs: $(STAMP) ## build the documentation in build/site/ and check it
	$(BIN)/python docs/generate_cli.py --check
	$(BIN)/zensical build --clean --strict
	$(BIN)/python docs/check_links.py build/site

bench: $(STAMP) ## run every benchmarks/*.py, an hour or more; report in build/benchmarks/
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done
	$(BIN)/python benchmarks/support/report.py

weights: $(STAMP) ## train the built-in models on DATA=folder: hours, less with STUDENT=file; may be interrupted
	$(BIN)/python recipes/detector.py --data '$(DATA)' --install
	$(BIN)/python recipes/points.py --data '$(DATA)' $(if $(STUDENT),--student '$(STUDENT)') --install
	$(BIN)/python recipes/face_score.py --data '$(DATA)' --install
	$(BIN)/python recipes/head_pose.py --data '$(DATA)' --slopes --install
	$(BIN)/python recipes/measure_factors.py --data '$(DATA)' --install
	$(BIN)/python recipes/iris_scale.py --data '$(DATA)' --install
	$(BIN)/python recipes/eye_state.py --data '$(DATA)' --install
	$(BIN)/python recipes/gaze_fit.py --data '$(DATA)' --install
	$(BIN)/python recipes/expression_factors.py --data '$(DATA)' --install
	$(BIN)/python recipes/label_covariance.py --data '$(DATA)' --install
	$(BIN)/python recipes/audit_errors.py --data '$(DATA)' --install
	$(BIN)/python benchmarks/audit.py --data '$(DATA)' --install

clean: ## remove build/ and the caches of tests and tools
	rm -rf build dist .cache .pytest_cache .ruff_cache .hypothesis
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv
	rm -rf $(VENV)
