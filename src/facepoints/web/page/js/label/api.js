/** Requests to the service of `facepoints label`. All addresses are relative to the page. */

const ROOT = "v1/labels";
const SECONDS = 20; // without an answer, the service counts as gone
const TOKEN = "facepoints-label-token";

/** The service did not answer: it was stopped, or the network is cut. */
export class ServerGone extends Error {}

/**
 * The service refused.
 *
 * @property {number} status of HTTP.
 * @property {object} answer of the service; a conflict (409) holds "face" or "project".
 */
export class Refused extends Error {
  constructor(status, answer) {
    const { message, expected } = answer?.error ?? {};
    const reason = message ? `${message[0].toUpperCase()}${message.slice(1)}` : `Status ${status}`;
    super(expected ? `${reason}. Expected: ${expected}.` : `${reason}.`);
    this.status = status;
    this.answer = answer;
  }
}

/** The service, as one annotator sees it. */
export class Api {
  /** @param {string} annotator "": the one of the service. */
  constructor(annotator = "") {
    this.annotator = annotator;
    this.token = takeToken();
  }

  /** GET JSON below v1/labels. */
  async get(path, query = {}) {
    const asked = new URLSearchParams({ ...(this.annotator && { annotator: this.annotator }), ...query });
    return (await this.#ask(`${path}${asked.size ? `?${asked}` : ""}`)).json();
  }

  /** POST JSON below v1/labels. The annotator comes along unless the body names one. */
  async post(path, body) {
    const who = this.annotator ? { annotator: this.annotator } : {};
    const answer = await this.#ask(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...who, ...body }),
    });
    return answer.json();
  }

  /** GET bytes below v1/labels: {blob, name}. */
  async file(path) {
    const answer = await this.#ask(path);
    const named = /filename="?([^";]+)/.exec(answer.headers.get("Content-Disposition") ?? "");
    return { blob: await answer.blob(), name: named?.[1] ?? "" };
  }

  /**
   * A picture, upright as its points count.
   *
   * @param {string} id
   * @param {number} [size] longest side of a small copy.
   * @returns {Promise<ImageBitmap>}
   */
  async picture(id, size = 0) {
    const { blob } = await this.file(`pictures/${id}/image${size ? `?size=${size}` : ""}`);
    return createImageBitmap(blob);
  }

  async #ask(path, options = {}) {
    const headers = { ...options.headers };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    let answer;
    try {
      const signal = AbortSignal.timeout(1000 * SECONDS);
      answer = await fetch(`${ROOT}/${path}`, { ...options, headers, signal });
    } catch (error) {
      throw new ServerGone(error.message);
    }
    if (answer.ok) return answer;
    if ([502, 503, 504, 429].includes(answer.status)) throw new ServerGone(`status ${answer.status}`);
    throw new Refused(answer.status, await answer.json().catch(() => null));
  }
}

/** The token from the address, which is cleared; kept while the tab is open. */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(TOKEN, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return given ?? sessionStorage.getItem(TOKEN) ?? "";
}
