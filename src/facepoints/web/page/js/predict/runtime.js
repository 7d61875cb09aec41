/** Models in onnxruntime-web: its WebAssembly build alone, on one thread. */

/**
 * The runtime, from the page's own folder `runtime/`.
 *
 * @param {string|URL} baseUrl address of the page's folder.
 */
export async function loadRuntime(baseUrl) {
  const address = (name) => new URL(`runtime/${name}`, baseUrl).href;
  const ort = await import(address("ort.wasm.min.mjs"));
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  ort.env.wasm.wasmPaths = {
    mjs: address("ort-wasm-simd-threaded.mjs"),
    wasm: address("ort-wasm-simd-threaded.wasm"),
  };
  return ort;
}

/** The bytes of a model file; {url, checksum} as in the page's settings. */
export async function fetchModel(baseUrl, { url, checksum }) {
  // the checksum in the address: after an update no cache may answer with the file of before
  const answer = await fetch(new URL(`${url}?${checksum.slice(0, 16)}`, baseUrl));
  if (!answer.ok) throw new Error(`${url} could not be loaded (status ${answer.status})`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** A model file that takes pixels: one input of unsigned bytes. */
export class OnnxModel {
  /**
   * @param {object} ort the runtime.
   * @param {Uint8Array} bytes of the file.
   */
  static async open(ort, bytes) {
    const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
    return new OnnxModel(ort, await ort.InferenceSession.create(bytes, options));
  }

  constructor(ort, session) {
    this.ort = ort;
    this.session = session;
    [this.input] = session.inputNames;
  }

  /**
   * Run the model.
   *
   * @param {Uint8Array} pixels
   * @param {number[]} shape of the input.
   * @returns {Promise<object>} the outputs by name, each with `data` and `dims`.
   */
  run(pixels, shape) {
    return this.session.run({ [this.input]: new this.ort.Tensor("uint8", pixels, shape) });
  }
}
