/* Where the image lies in its box: zoom in screen pixels per image pixel, and the image point at the middle. */
const INSET = { side: 12, top: 12, bottom: 68 }; // CSS pixels kept free of the fitted image, for the tool bar
const MOST = 40;

export class View {
  /** @param {number} width @param {number} height of the image @param {number} aspect a pixel's height over its width */
  constructor(width, height, aspect = 1) {
    Object.assign(this, { width, height, aspect, boxWidth: 1, boxHeight: 1, zoom: 1, fitted: true });
    this.centre();
  }

  centre() {
    this.x = this.width / 2;
    this.y = this.height / 2;
  }

  /** The box changed size; a fitted image stays fitted, any other keeps its middle and zoom. */
  resize(boxWidth, boxHeight) {
    Object.assign(this, { boxWidth: Math.max(1, boxWidth), boxHeight: Math.max(1, boxHeight) });
    if (this.fitted) this.fit();
    else this.#hold();
  }

  get fitZoom() {
    const wide = Math.max(16, this.boxWidth - 2 * INSET.side) / this.width;
    const high = Math.max(16, this.boxHeight - INSET.top - INSET.bottom) / (this.height * this.aspect);
    return Math.min(wide, high);
  }

  fit() {
    this.zoom = this.fitZoom;
    this.fitted = true;
    this.centre();
  }

  /** Zoom by a factor about a point of the box (its middle where none is given): what lies there stays there. */
  zoomBy(factor, boxX = this.boxWidth / 2, boxY = this.middleY) {
    const before = this.toImage(boxX, boxY);
    const least = Math.min(this.fitZoom, 1) / 2;
    this.zoom = Math.min(MOST, Math.max(least, this.zoom * factor));
    this.fitted = false;
    const after = this.toImage(boxX, boxY);
    this.x += before.x - after.x;
    this.y += before.y - after.y;
    this.#hold();
  }

  /** Move the image by so many CSS pixels. */
  panBy(dx, dy) {
    this.x -= dx / this.zoom;
    this.y -= dy / (this.zoom * this.aspect);
    this.fitted = false;
    this.#hold();
  }

  // The middle of the box never leaves the image, so it cannot be lost.
  #hold() {
    this.x = Math.min(this.width, Math.max(0, this.x));
    this.y = Math.min(this.height, Math.max(0, this.y));
  }

  // The image is centred in what the tool bar leaves free.
  get middleY() {
    return (this.boxHeight + INSET.top - INSET.bottom) / 2;
  }

  /** Image coordinates (0, 0 = the corner of the first pixel) of a point of the box. */
  toImage(boxX, boxY) {
    return {
      x: this.x + (boxX - this.boxWidth / 2) / this.zoom,
      y: this.y + (boxY - this.middleY) / (this.zoom * this.aspect),
    };
  }

  /** CSS coordinates in the box of an image point. */
  toBox(x, y) {
    return {
      x: this.boxWidth / 2 + (x - this.x) * this.zoom,
      y: this.middleY + (y - this.y) * this.zoom * this.aspect,
    };
  }
}
