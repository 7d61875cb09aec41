/**
 * Kalman filter of a face's pose: estimates where the face is and predicts the next frame.
 *
 * It has two motion models, constant velocity and constant acceleration, weighted by how well each
 * predicted the observations (interacting multiple models). If an observation lies far from the
 * prediction, the filter catches up within a frame. Time is in seconds, so frames may come at any
 * rate. It equals `facepoints.tracking.kalman.PoseKalmanFilter`, with the same settings.
 */

import { wrapRadians } from "./pose2d.js";

const AXES = [0, 1, 2, 3]; // x, y, log size, rotation
const DIFFERENCE_GAIN = Math.sqrt(20); // third differences of white noise: 1 + 9 + 9 + 1


export class PoseKalmanFilter {
  /**
   * @param {number[]} pose first observation.
   * @param {number[]} std (4) first guess of an observation's standard deviation.
   * @param {number} size of the face in pixels.
   * @param config the settings' `tracking.kalman`.
   * @param {{agile?: boolean}} options agile: a single model that follows every turn but jitters,
   *   for predicting where to crop.
   */
  constructor(pose, std, size, config, { agile = false } = {}) {
    this.config = config;
    this.processNoise = agile ? [config.agile_process_noise] : config.steady_process_noise;
    const speed = [size, size, 1 / 4, 1 / 4].map((factor) => config.initial_speed * factor);
    // per model and number of the pose: its value, velocity and acceleration
    this.state = this.processNoise.map(() => AXES.map((axis) => [pose[axis], 0, 0]));
    this.covariance = this.processNoise.map((_, model) =>
      AXES.map((axis) => [
        [std[axis] ** 2, 0, 0],
        [0, speed[axis] ** 2, 0],
        [0, 0, model > 0 ? (2 * speed[axis]) ** 2 : 0],
      ]),
    );
    this.probabilities = this.processNoise.map(() => AXES.map(() => 1 / this.processNoise.length));
    this.mixed = this.state[0].map((row) => [...row]);
    this.smoothedVelocity = [0, 0, 0, 0];
    this.std = [...std];
    this.updates = 0;
    this.recent = [{ pose: [...pose], seconds: 0 }]; // the last four
  }

  /** The estimated pose (4). */
  get pose() {
    return this.mixed.map((row) => row[0]);
  }

  /** The estimated change (4) of the pose per second. */
  get velocity() {
    return this.mixed.map((row) => row[1]);
  }

  /**
   * The pose (4) to expect some seconds after the last update. A lost face is expected to keep its
   * mean velocity, its size and its rotation.
   */
  predict(seconds, lost = false) {
    const velocity = lost ? this.#steadyVelocity() : this.velocity;
    return this.pose.map((value, axis) => value + velocity[axis] * seconds);
  }

  #steadyVelocity() {
    return [this.smoothedVelocity[0], this.smoothedVelocity[1], 0, 0];
  }

  /** Advance by a frame in which the face is not visible; `last`: its log size and rotation. */
  predictWithoutMeasurement(seconds, last) {
    const pose = this.predict(seconds, true);
    this.#advance(seconds);
    const kept = [pose[0], pose[1], ...last];
    for (const model of this.state) AXES.forEach((axis) => (model[axis][0] = kept[axis]));
    this.resetVelocity(this.smoothedVelocity);
  }

  /** Set the velocity (4) and zero acceleration. */
  resetVelocity(velocity) {
    for (const model of this.state) {
      AXES.forEach((axis) => model[axis].splice(1, 2, velocity[axis], 0));
    }
    this.smoothedVelocity = [...velocity];
    this.mixed = this.state[0].map((row) => [...row]);
  }

  /**
   * Update the estimate with an observation.
   *
   * @param {number[]} pose (4) observed.
   * @param {number[]} std (4) first guess of its standard deviation.
   * @param {number} seconds since the last observation.
   * @param {boolean} alone no other face is near, which could hide a part of this one.
   */
  update(pose, std, seconds, alone = true) {
    const { config } = this;
    this.#measureNoise(pose, std, seconds);
    this.#mixModels();
    this.#advance(seconds);
    this.#correct(pose);
    this.updates += 1;
    const constant = alone ? config.velocity_seconds : config.crowded_velocity_seconds;
    const weight = this.updates < 3 ? 1 : 1 - Math.exp(-seconds / constant);
    const { velocity } = this;
    this.smoothedVelocity = this.smoothedVelocity.map((v, k) => v + weight * (velocity[k] - v));
  }

  /** Continue in frames of another resolution, `factor` times as large. */
  rescale(factor) {
    for (const model of this.state) {
      for (const axis of [0, 1]) model[axis] = model[axis].map((value) => value * factor);
      model[2][0] += Math.log(factor);
    }
    this.#average();
    this.smoothedVelocity[0] *= factor;
    this.smoothedVelocity[1] *= factor;
  }

  #average() {
    this.mixed = AXES.map((axis) =>
      [0, 1, 2].map((d) =>
        this.state.reduce((sum, model, m) => sum + this.probabilities[m][axis] * model[axis][d], 0),
      ),
    );
  }

  /** Correct every model with the observation, and weight the models by their errors. */
  #correct(pose) {
    const noise = this.std.map((s) => s ** 2);
    const errors = this.state.map((model) => {
      const error = AXES.map((axis) => pose[axis] - model[axis][0]);
      error[3] = wrapRadians(error[3]);
      return error;
    });
    const likelihoods = errors.map((error, m) => this.#correctModel(m, error, pose, noise));
    for (const axis of AXES) {
      const best = Math.max(...likelihoods.map((row) => row[axis]));
      const posterior = likelihoods.map(
        (row, m) => this.probabilities[m][axis] * Math.exp(row[axis] - best),
      );
      const total = posterior.reduce((sum, p) => sum + p, 0);
      const floored = posterior.map((p) => Math.max(p / total, 1e-4));
      const all = floored.reduce((sum, p) => sum + p, 0);
      floored.forEach((p, m) => (this.probabilities[m][axis] = p / all));
    }
    this.#average();
  }

  /** Correct one model. Returns its log likelihood for each number of the pose. */
  #correctModel(m, error, pose, noise) {
    const [state, covariance] = [this.state[m], this.covariance[m]];
    const total = AXES.map((axis) => covariance[axis][0][0] + noise[axis]);
    const surprise = AXES.map((axis) => error[axis] ** 2 / total[axis]);
    const likelihood = AXES.map(
      (axis) => -0.5 * (surprise[axis] + Math.log(total[axis] / noise[axis])),
    );
    // x and y move together, so they share the model probabilities and the surprise
    likelihood[0] = likelihood[1] = likelihood[0] + likelihood[1];
    surprise[0] = surprise[1] = (surprise[0] + surprise[1]) / 2;
    const limit = this.config.surprise_threshold;
    for (const axis of AXES) {
      const own = covariance[axis];
      if (surprise[axis] > limit) {
        const grown = ((surprise[axis] * total[axis]) / limit - noise[axis]) / own[0][0];
        const factor = Math.max(grown, 1);
        covariance[axis] = own.map((row) => row.map((value) => value * factor));
      }
      const wide = covariance[axis];
      const gain = wide.map((row) => row[0] / (wide[0][0] + noise[axis]));
      state[axis] = state[axis].map((value, d) => value + gain[d] * error[axis]);
      covariance[axis] = wide.map((row, i) => row.map((value, j) => value - gain[i] * wide[0][j]));
    }
    // models are averaged, so their rotations must lie within half a turn of the observation
    state[3][0] = pose[3] - wrapRadians(pose[3] - state[3][0]);
    return likelihood;
  }

  /** Update the measurement noise from the last four poses, if these are about equally spaced. */
  #measureNoise(pose, std, seconds) {
    this.recent = [...this.recent, { pose: [...pose], seconds }].slice(-4);
    const steps = this.recent.slice(1).map((item) => item.seconds);
    const total = steps.reduce((sum, step) => sum + step, 0);
    if (steps.length < 3 || Math.max(...steps) - Math.min(...steps) > (0.2 * total) / 3) return;
    const measured = poseNoise(this.recent.map((item) => item.pose));
    const { noise_floor: floor, noise_ceiling: ceiling, noise_learning_rate: rate } = this.config;
    // the ceiling keeps a jolt from counting as noise; no camera is without noise: the floor
    this.std = this.std.map((s, axis) => {
      const noise = Math.min(Math.max(measured[axis], floor * std[axis]), ceiling * s);
      return Math.sqrt(s ** 2 + rate * (noise ** 2 - s ** 2));
    });
  }

  /** Start every model from a mean of all models, since the motion may just have changed. */
  #mixModels() {
    const models = this.state.length;
    if (models === 1) return;
    const stays = this.config.model_persistence;
    const change = (i, j) => (i === j ? stays : (1 - stays) / (models - 1));
    const before = { state: this.state, covariance: this.covariance };
    const range = before.state.map((_, i) => i);
    const next = range.map((j) =>
      AXES.map((axis) => range.reduce((s, i) => s + change(i, j) * this.probabilities[i][axis], 0)),
    );
    const weight = (i, j, axis) => (change(i, j) * this.probabilities[i][axis]) / next[j][axis];
    const state = range.map((j) =>
      AXES.map((axis) =>
        [0, 1, 2].map((d) =>
          range.reduce((s, i) => s + weight(i, j, axis) * before.state[i][axis][d], 0),
        ),
      ),
    );
    this.covariance = range.map((j) =>
      AXES.map((axis) => mixCovariance(before, state[j][axis], axis, (i) => weight(i, j, axis))),
    );
    this.state = state;
    this.probabilities = next;
  }

  /** Move every model forward in time. */
  #advance(seconds) {
    this.state.forEach((model, m) => {
      const { transition, noise } = motionModel(m, seconds);
      for (const axis of AXES) {
        model[axis] = transition.map((row) => dot(row, model[axis]));
        const moved = product(product(transition, this.covariance[m][axis]), transposed(transition));
        const scale = this.processNoise[m] * this.std[axis] ** 2;
        this.covariance[m][axis] = moved.map((row, i) => row.map((v, j) => v + noise[i][j] * scale));
      }
    });
  }
}

/** Mean covariance of the models about a mixed state, each weighted. */
function mixCovariance(before, state, axis, weight) {
  return [0, 1, 2].map((a) =>
    [0, 1, 2].map((b) =>
      before.state.reduce((sum, model, i) => {
        const apart = [a, b].map((d) => model[axis][d] - state[d]);
        return sum + weight(i) * (before.covariance[i][axis][a][b] + apart[0] * apart[1]);
      }, 0),
    ),
  );
}

/** Noise (4) of a face's pose, from its last four poses: smooth motion has no third differences. */
function poseNoise([a, b, c, d]) {
  const change = AXES.map((k) => d[k] - c[k] - 2 * (c[k] - b[k]) + (b[k] - a[k]));
  change[3] = wrapRadians(change[3]);
  const noise = change.map((value) => Math.abs(value) / DIFFERENCE_GAIN);
  noise[0] = noise[1] = Math.hypot(noise[0], noise[1]) / Math.SQRT2;
  return noise;
}

/**
 * Constant-velocity (0) or constant-acceleration (1) model for a step of time: the transition
 * (3, 3) of value, velocity and acceleration, and the covariance that process noise of spectral
 * density 1 adds.
 */
function motionModel(model, s) {
  if (model === 0) {
    return {
      transition: [[1, s, 0], [0, 1, 0], [0, 0, 0]],
      noise: [[s ** 3 / 3, s ** 2 / 2, 0], [s ** 2 / 2, s, 0], [0, 0, 0]],
    };
  }
  return {
    transition: [[1, s, s ** 2 / 2], [0, 1, s], [0, 0, 1]],
    noise: [
      [s ** 5 / 20, s ** 4 / 8, s ** 3 / 6],
      [s ** 4 / 8, s ** 3 / 3, s ** 2 / 2],
      [s ** 3 / 6, s ** 2 / 2, s],
    ],
  };
}

const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);
const transposed = (a) => a[0].map((_, j) => a.map((row) => row[j]));
const product = (a, b) => a.map((row) => transposed(b).map((column) => dot(row, column)));
