/** Models in onnxruntime-web: its WebAssembly build alone, on one thread. */

const opened = new Map(); // what `openModels` gives, by the address of the page's folder

/**
 * The settings of the page and both models, from the page's own folder. They are opened once:
 * whoever calls this early lets them load beside everything else.
 *
 * @param {string|URL} baseUrl address of the page's folder; it ends with "/".
 * @returns {Promise<{settings: object, detector: OnnxModel, points: OnnxModel}>}
 * @throws {Error} a file cannot be loaded, or the browser cannot run it.
 */
export function openModels(baseUrl) {
  const { href } = new URL(baseUrl);
  if (!opened.has(href)) {
    const models = open(href);
    models.catch(() => opened.delete(href)); // the next call tries again
    opened.set(href, models);
  }
  return opened.get(href);
}

async function open(page) {
  const runtime = loadRuntime(new URL("runtime/", page).href);
  runtime.catch(() => {}); // it is awaited below
  const settings = JSON.parse(new TextDecoder().decode(await fetchBytes(`${page}settings.json`)));
  const files = [settings.models.detector, settings.models.points].map(({ url, checksum }) =>
    // the checksum in the address: after an update no cache may answer with the file of before
    fetchBytes(`${page}${url}?${checksum.slice(0, 16)}`),
  );
  const [ort, ...bytes] = await Promise.all([runtime, ...files]);
  const detector = await OnnxModel.open(ort, bytes[0]);
  return { settings, detector, points: await OnnxModel.open(ort, bytes[1]) };
}

async function loadRuntime(folder) {
  const address = (name) => new URL(name, folder).href;
  // the runtime itself would ask for its program only when the first model is opened
  const program = fetchBytes(address("ort-wasm-simd-threaded.wasm"));
  program.catch(() => {}); // it is awaited below
  const ort = await import(address("ort.wasm.min.mjs"));
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  ort.env.wasm.wasmPaths = { mjs: address("ort-wasm-simd-threaded.mjs") };
  ort.env.wasm.wasmBinary = await program;
  return ort;
}

async function fetchBytes(address) {
  const answer = await fetch(address);
  if (!answer.ok) {
    const name = new URL(address).pathname.split("/").pop();
    throw new Error(`${name} could not be loaded (status ${answer.status})`);
  }
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
