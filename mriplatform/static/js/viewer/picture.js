/* One decoded image with its window and its place in the box; draws itself. Knows no controls. */
import { greyTable, histogram, presets } from "./grey.js";
import { View } from "./view.js";

export class Picture {
  #base = document.createElement("canvas");
  #stale = true;

  /**
   * @param {{width: number, height: number, bits: 8 | 16, data: Uint8Array | Uint16Array, counts?: ReturnType<typeof histogram>}} pixels
   * @param {{stored?: {center: number, width: number} | null, aspect?: number}} options
   */
  constructor(pixels, { stored = null, aspect = 1 } = {}) {
    const counts = pixels.counts ?? histogram(pixels);
    this.pixels = pixels;
    this.presets = presets(pixels, counts, stored);
    this.range = Math.max(1, counts.greatest - counts.least);
    this.view = new View(pixels.width, pixels.height, aspect);
    this.window = { ...this.presets.default };
    this.inverted = false;
    this.smooth = true;
    this.touched = false;
    this.#base.width = pixels.width;
    this.#base.height = pixels.height;
  }

  /** Width at least 1; both kept within what the depth can make sense of. */
  setWindow(center, width) {
    const most = 1 << this.pixels.bits;
    this.window = {
      center: Math.min(2 * most, Math.max(-most, center)),
      width: Math.min(4 * most, Math.max(1, width)),
    };
    this.touched = true;
    this.#stale = true;
  }

  /**
   * Look as the picture before it in a stack did: the same zoom and place where both have one shape; the same window
   * where somebody chose one and the values have one depth.
   */
  follow(before) {
    const { width, height, aspect } = this.view;
    const alike = before.view.width === width && before.view.height === height && before.view.aspect === aspect;
    if (alike) this.view = before.view;
    if (before.touched && before.pixels.bits === this.pixels.bits) this.setWindow(before.window.center, before.window.width);
    Object.assign(this, { inverted: before.inverted, smooth: before.smooth });
  }

  /** By shares of the values that occur: wider is softer, a higher level is darker. */
  windowBy(wider, higher) {
    const step = this.range;
    this.setWindow(this.window.center + higher * step, this.window.width + wider * step);
  }

  setInverted(on) {
    this.inverted = on;
    this.#stale = true;
  }

  /** The stored value under a point of the box, or null beside the image. */
  probe(boxX, boxY) {
    const point = this.view.toImage(boxX, boxY);
    const [x, y] = [Math.floor(point.x), Math.floor(point.y)];
    if (x < 0 || y < 0 || x >= this.pixels.width || y >= this.pixels.height) return null;
    return { x, y, value: this.pixels.data[y * this.pixels.width + x] };
  }

  /** A part of the image (its corners in image pixels) as a place in the box. */
  place([x0, y0, x1, y1]) {
    const [from, to] = [this.view.toBox(x0, y0), this.view.toBox(x1, y1)];
    return { x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y };
  }

  get whole() {
    return [0, 0, this.pixels.width, this.pixels.height];
  }

  /** @param {CanvasRenderingContext2D} context in CSS pixels */
  draw(context) {
    if (this.#stale) this.#render();
    context.imageSmoothingEnabled = this.smooth;
    context.imageSmoothingQuality = "high";
    const { x, y, width, height } = this.place(this.whole);
    context.drawImage(this.#base, x, y, width, height);
  }

  #render() {
    const { data, bits, width, height } = this.pixels;
    const context = this.#base.getContext("2d");
    const image = context.createImageData(width, height);
    const table = greyTable(this.window, bits, this.inverted);
    const colours = new Uint32Array(table.length);
    for (const [value, grey] of table.entries()) colours[value] = LITTLE_ENDIAN ? (255 << 24) | (grey * 0x010101) : grey * 0x01010100 + 255;
    const out = new Uint32Array(image.data.buffer);
    for (let at = 0; at < out.length; at += 1) out[at] = colours[data[at]];
    context.putImageData(image, 0, 0);
    this.#stale = false;
  }
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
