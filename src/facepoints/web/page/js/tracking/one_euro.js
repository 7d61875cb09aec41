/**
 * The One Euro filter: the live smoother of a face's shape (Casiez, Roussel and Vogel 2012).
 * It equals `facepoints.tracking.one_euro.OneEuroFilter`, with the same settings.
 */

import { visibilityWeights } from "./pose2d.js";

/**
 * Low-pass filters of all landmarks, each with a cutoff that grows with its speed. A point that
 * was hidden and is visible now moves to its new place at once.
 */
export class OneEuroFilter {
  /**
   * @param {number[][]} points (K, 2) first shape.
   * @param config the settings' `tracking.one_euro`.
   * @param {number[] | null} visible (K) in [0, 1]; null: unknown.
   * @param {{leastVisible: number, hidden: number}} limits visibility that a hidden point counts
   *   with, and the one below which a point is hidden.
   */
  constructor(points, config, visible, limits) {
    this.points = points.map((point) => [...point]);
    this.config = config;
    this.limits = limits;
    this.speed = points.map(() => [0, 0]);
    // weights of what the smoothed points were made of
    this.trust = visible ? visibilityWeights(visible, limits.leastVisible) : points.map(() => 1);
  }

  /**
   * Smooth the next shape. The result is in `points`.
   *
   * @param {number[][]} points (K, 2) observed shape.
   * @param {number[]} radius (K) in the unit of the points.
   * @param {number} seconds since the last call.
   * @param {number[] | null} visible (K) in [0, 1]; null: unknown.
   */
  update(points, radius, seconds, visible) {
    const { config } = this;
    const step = Math.max(seconds, 1e-4);
    const radii = radius.map((r) => Math.max(r, 1e-6));
    const middle = median(usual(radii, visible, this.limits.hidden));
    const weights = visible ? visibilityWeights(visible, this.limits.leastVisible) : null;
    const settling = newValueWeight(config.speed_cutoff, step);
    points.forEach((point, k) => {
      for (const axis of [0, 1]) {
        const speed = (point[axis] - this.points[k][axis]) / step;
        this.speed[k][axis] += settling * (speed - this.speed[k][axis]);
      }
      const moving = Math.hypot(...this.speed[k]) / radii[k];
      const confidence = Math.min(middle / radii[k], config.max_confidence_gain);
      const faster = (config.speed_gain * moving ** 2) / (moving + config.half_gain_speed);
      let gain = newValueWeight(config.min_cutoff * confidence + faster, step);
      if (weights) gain = this.#weighted(k, gain, weights[k]);
      for (const axis of [0, 1]) {
        this.points[k][axis] += gain * (point[axis] - this.points[k][axis]);
      }
    });
  }

  /** A mean in which each value has its own weight; none counts more than the new one. */
  #weighted(k, gain, trust) {
    const old = (1 - gain) * Math.min(this.trust[k], trust);
    this.trust[k] += gain * (trust - this.trust[k]);
    return (gain * trust) / (old + gain * trust);
  }
}

/** The radii of the visible landmarks; all, if none is or visibility is unknown. */
function usual(radii, visible, hidden) {
  const seen = visible ? radii.filter((_, k) => visible[k] >= hidden) : [];
  return seen.length ? seen : radii;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Weight of a new value in a first-order low-pass filter with this cutoff in Hz. */
function newValueWeight(cutoff, seconds) {
  const turns = 2 * Math.PI * cutoff * seconds;
  return turns / (turns + 1);
}
