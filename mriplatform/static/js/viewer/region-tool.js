/* Marks one region on the image: by dragging, by finger, or by keys. Off, it takes nothing and only shows what is there. */
import { middle, moved, readRegion, regionWords, shaped, SHAPES, sized, spanning } from "./region.js";

const STEP = 0.01; // of the image, for an arrow key
const GRIP = 14; // CSS pixels within which a corner is taken hold of
const KEYS = "Arrow keys move it, Shift and arrow keys size it, R is the next shape, Delete removes it, Escape leaves.";

export class RegionTool {
  #first = null; // the shape the tool was taken up with
  #grip = null;
  #before = null;

  /** @param {{changed(): void, told(region: object | null): void, say(sentence: string): void}} host */
  constructor(host) {
    Object.assign(this, { host, region: null, shape: null });
  }

  get active() {
    return this.shape !== null;
  }

  /** Show a region that is known already, or none; nobody is told. */
  show(given) {
    this.region = given ? readRegion(given) : null;
    if (this.active && this.region) this.shape = this.region.shape;
    this.host.changed();
  }

  /** Take the tool up; then the next shape; after the last, put it away. */
  next() {
    if (!this.active) {
      this.#first = this.shape = this.region?.shape ?? SHAPES[0];
      this.host.say(`${this.region ? regionWords(this.region) : `Mark a ${this.shape}.`} ${KEYS}`);
      return this.host.changed();
    }
    const following = SHAPES[(SHAPES.indexOf(this.shape) + 1) % SHAPES.length];
    if (following === this.#first) return this.leave();
    this.shape = following;
    this.host.say(`Mark ${following === "ellipse" ? "an" : "a"} ${following}.`);
    if (this.region) this.#set(shaped(this.region, following));
    else this.host.changed();
  }

  leave() {
    if (!this.active) return;
    this.cancel();
    this.shape = null;
    this.host.say(this.region ? `Marked: ${regionWords(this.region)}` : "Nothing is marked.");
    this.host.changed();
  }

  remove() {
    if (this.region) this.host.say("The region is removed.");
    this.#set(null);
  }

  /** An arrow key: moves, or with Shift sizes; the first one makes a region in the middle. */
  nudge(x, y, { size = false } = {}) {
    const from = this.region ?? middle(this.shape);
    const to = size ? sized(from, 2 * STEP * x, -2 * STEP * y) : moved(from, STEP * x, STEP * y);
    this.#set(to);
    this.host.say(regionWords(to));
  }

  // --- Dragging: points of the box, and the place of the image in it, both in CSS pixels --------------------------

  begin(x, y, place) {
    this.#before = this.region;
    const at = share(x, y, place);
    const corner = this.region && this.shape !== "point" ? opposite(this.region, x, y, place) : null;
    if (corner) this.#grip = { from: corner };
    else if (this.region && this.shape !== "point" && inside(this.region, at)) this.#grip = { last: at };
    else this.#grip = { from: at };
    if (this.shape === "point") this.drag(x, y, place);
  }

  drag(x, y, place) {
    if (!this.#grip) return;
    const at = share(x, y, place);
    if (this.#grip.last) {
      const { last } = this.#grip;
      this.region = moved(this.#before, at.x - last.x, at.y - last.y);
    } else {
      this.region = spanning(this.shape, this.#grip.from, at) ?? this.#before;
    }
    this.host.changed();
  }

  end() {
    if (!this.#grip) return;
    this.#grip = null;
    if (same(this.region, this.#before)) return;
    this.host.told(this.region);
    this.host.say(regionWords(this.region));
  }

  /** As if the drag had not begun: a second finger came down. */
  cancel() {
    if (this.#grip) this.region = this.#before;
    this.#grip = null;
    this.host.changed();
  }

  #set(region) {
    if (same(region, this.region)) return;
    this.region = region;
    this.host.changed();
    this.host.told(region);
  }

  // --- Drawing ---------------------------------------------------------------------------------------------------

  /** @param {CanvasRenderingContext2D} context in CSS pixels @param {object} place of the image */
  draw(context, place) {
    const shown = this.region ?? (this.active ? middle(this.shape) : null);
    if (!shown) return;
    context.save();
    context.setLineDash(this.region ? [] : [5, 5]);
    for (const [colour, width] of [["#000", 4], ["#ffd479", this.active ? 2 : 1.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      outline(context, shown, place);
      context.stroke();
    }
    context.fillStyle = "#ffd479";
    if (this.active && this.region && shown.shape !== "point")
      for (const [x, y] of corners(shown, place)) context.fillRect(x - 4, y - 4, 8, 8);
    context.restore();
  }
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function share(x, y, place) {
  return { x: (x - place.x) / place.width, y: (y - place.y) / place.height };
}

function boxed({ x, y, width = 0, height = 0 }, place) {
  return {
    x: place.x + (x - width / 2) * place.width,
    y: place.y + (y - height / 2) * place.height,
    width: width * place.width,
    height: height * place.height,
  };
}

function corners(region, place) {
  const { x, y, width, height } = boxed(region, place);
  return [[x, y], [x + width, y], [x, y + height], [x + width, y + height]];
}

/** The corner across from the one under a point, in shares; null where there is none under it. */
function opposite(region, x, y, place) {
  const all = corners(region, place);
  const taken = all.findIndex(([cx, cy]) => Math.hypot(cx - x, cy - y) <= GRIP);
  return taken < 0 ? null : share(...all[3 - taken], place);
}

function inside({ x, y, width = 0, height = 0 }, at) {
  return Math.abs(at.x - x) <= width / 2 && Math.abs(at.y - y) <= height / 2;
}

function outline(context, region, place) {
  const { x, y, width, height } = boxed(region, place);
  context.beginPath();
  if (region.shape === "box") return context.rect(x, y, width, height);
  if (region.shape === "ellipse")
    return context.ellipse(x + width / 2, y + height / 2, width / 2, height / 2, 0, 0, 2 * Math.PI);
  context.arc(x, y, 7, 0, 2 * Math.PI);
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    context.moveTo(x + 4 * dx, y + 4 * dy);
    context.lineTo(x + 13 * dx, y + 13 * dy);
  }
}
