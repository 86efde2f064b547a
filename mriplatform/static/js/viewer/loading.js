/*
 * Fetches images and decodes them, for all viewers of a page. What will be asked for again, or soon, is kept decoded
 * while the page is open, within a bound; a page shows only what the server just named to it.
 */
import { histogram } from "./grey.js";
import { decodePng } from "./png.js";

const MOST = 64 * 2 ** 20; // bytes of decoded pixels
const FEWEST = 3; // images that are kept however large they are: the one that is shown and its neighbours

async function load(source, options) {
  if (!source) throw new Error("No image was named.");
  const answer = await fetch(source, { credentials: "same-origin", ...options });
  if (!answer.ok) throw new Error(`The image could not be loaded (the server answered ${answer.status}).`);
  const pixels = await decodePng(await answer.arrayBuffer());
  // Counted here, so that what is fetched ahead needs only to be drawn.
  return { ...pixels, counts: histogram(pixels) };
}

export class Loader {
  #kept = new Map();
  #ahead = [];

  /** Pixels by address. @param {{keep?: boolean}} options keep: whether they will be asked for again on this page */
  pixels(source, { keep = false } = {}) {
    return this.#kept.get(source) ?? (keep ? this.#keep(source) : load(source));
  }

  /** Whether it is here, decoded. */
  has(source) {
    return this.#kept.get(source)?.bytes !== undefined;
  }

  /** Fetch what may be asked for soon. @returns {Promise<unknown>} when it is there, or did not come */
  prefetch(source) {
    const coming = this.#kept.get(source) ?? this.#keep(source, { priority: "low" });
    return coming.catch(() => undefined);
  }

  /** Fetch these one after another, the likeliest first, as far as the bound goes; those before them may go. */
  async fetchAhead(sources) {
    this.#ahead = sources;
    for (const source of sources) {
      if (this.#ahead !== sources || this.#bytes >= MOST) return;
      await this.prefetch(source);
    }
  }

  get #bytes() {
    return [...this.#kept.values()].reduce((total, { bytes = 0 }) => total + bytes, 0);
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

  // The oldest go first, then what is fetched ahead, the least likely of it before the others.
  #bound() {
    const leaving = [...this.#kept.keys()].filter((source) => !this.#ahead.includes(source));
    for (const source of [...leaving, ...this.#ahead.toReversed()]) {
      if (this.#bytes <= MOST || this.#kept.size <= FEWEST) return;
      this.#kept.delete(source);
    }
  }
}

export const loader = new Loader();
