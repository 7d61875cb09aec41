/**
 * A video of what is drawn on a canvas, by the browser's MediaRecorder. It records in real time.
 */

/** Formats in order of preference; the first that the browser offers is used. */
const FORMATS = [
  ["video/mp4;codecs=avc1.640028,mp4a.40.2", ".mp4"],
  ["video/mp4;codecs=avc1.42E01E", ".mp4"],
  ["video/webm;codecs=vp9,opus", ".webm"],
  ["video/webm;codecs=vp8,opus", ".webm"],
  ["video/webm", ".webm"],
];
const BITS_PER_PIXEL = 0.25; // and frame; enough for thin lines

/**
 * The video format that this browser can record.
 *
 * @returns {{type: string, suffix: string} | null} null if it records none.
 */
export function recordingFormat() {
  if (typeof MediaRecorder === "undefined" || !HTMLCanvasElement.prototype.captureStream) {
    return null;
  }
  const found = FORMATS.find(([type]) => MediaRecorder.isTypeSupported(type));
  return found ? { type: found[0], suffix: found[1] } : null;
}

/** Records a canvas. `frame()` is called after each drawing. */
export class CanvasRecorder {
  /**
   * @param {HTMLCanvasElement} canvas whose size stays the same.
   * @param {MediaStreamTrack[]} sound tracks to record as well.
   */
  constructor(canvas, sound = []) {
    const format = recordingFormat();
    if (!format) throw new Error("This browser cannot record video.");
    this.suffix = format.suffix;
    this.stream = canvas.captureStream(0);
    this.track = this.stream.getVideoTracks()[0];
    for (const track of sound) this.stream.addTrack(track);
    this.parts = [];
    this.recorder = new MediaRecorder(this.stream, {
      mimeType: format.type,
      videoBitsPerSecond: Math.round(canvas.width * canvas.height * 30 * BITS_PER_PIXEL),
    });
    this.recorder.ondataavailable = ({ data }) => this.parts.push(data);
    this.recorder.start(1000);
  }

  /** Take the canvas as it is now as the next frame. */
  frame() {
    this.track.requestFrame?.();
  }

  /**
   * End the recording.
   *
   * @returns {Promise<Blob>} the video.
   */
  async stop() {
    if (this.recorder.state !== "inactive") {
      const ended = new Promise((resolve) => (this.recorder.onstop = resolve));
      this.recorder.stop();
      await ended;
    }
    for (const track of this.stream.getTracks()) track.stop();
    return new Blob(this.parts, { type: this.recorder.mimeType });
  }
}
