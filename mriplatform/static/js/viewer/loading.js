/* Fetches an image and decodes it. What one stack needs again and again is kept decoded while its page is open. */
import { decodePng } from "./png.js";

const MOST = 64 * 2 ** 20; // bytes of decoded pixels

async function load(source, options) {
  if (!source) throw new Error("No image was named.");
  const answer = await fetch(source, { credentials: "same-origin", ...options });
  if (!answer.ok) throw new Error(`The image could not be loaded (the server answered ${answer.status}).`);
  return decodePng(await answer.arrayBuffer());
}

export class Loader {
  #kept = new Map();

  /** Pixels by address. @param {{keep?: boolean}} options keep: whether they will be asked for again on this page */
  pixels(source, { keep = false } = {}) {
    return this.#kept.get(source) ?? (keep ? this.#keep(source) : load(source));
  }

  prefetch(source) {
    if (!this.#kept.has(source)) this.#keep(source, { priority: "low" }).catch(() => undefined);
  }

  #keep(source, options) {
    const coming = load(source, options);
    this.#kept.set(source, coming);
    coming.then(
      (pixels) => {
        coming.bytes = pixels.data.byteLength;
        this.#bound();
      },
      () => this.#kept.delete(source),
    );
    return coming;
  }

  // The oldest go first.
  #bound() {
    let sum = [...this.#kept.values()].reduce((total, { bytes = 0 }) => total + bytes, 0);
    for (const [source, { bytes = 0 }] of this.#kept) {
      if (sum <= MOST || this.#kept.size <= 3) return;
      this.#kept.delete(source);
      sum -= bytes;
    }
  }
}
