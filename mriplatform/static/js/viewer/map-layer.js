/* Draws one field over the image: colours, contour lines, or the plain cells that the network really gave. */
import { TABLES } from "./colours.js";
import { contour, upsample } from "./saliency.js";

const POINTS = 224; // what a map is drawn with from side to side, however many cells it has
const LINE_POINTS = 112;
const LINES = [
  { level: 0.25, width: 1 },
  { level: 0.5, width: 1.5 },
  { level: 0.75, width: 2.25 },
];

function factor(field, points) {
  return Math.max(1, Math.round(points / Math.max(field.rows, field.columns)));
}

/** How strongly a value covers the image: nothing at 0, all of the chosen opacity from 0.6 on. */
export function cover(value) {
  return Math.min(1, Math.abs(value) / 0.6) ** 0.8;
}

/** The colour table's entry for a value. */
export function entryOf(value, signed) {
  return Math.round((signed ? (value + 1) / 2 : value) * 255);
}

/** @param {import("./saliency.js").Field} field @returns {HTMLCanvasElement} one pixel per value */
export function paint(field, colours, opacity) {
  const canvas = document.createElement("canvas");
  canvas.width = field.columns;
  canvas.height = field.rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(field.columns, field.rows);
  const table = TABLES[field.signed ? "diverging" : colours] ?? TABLES.inferno;
  for (const [at, value] of field.values.entries()) {
    const entry = entryOf(value, field.signed) * 3;
    image.data.set(table.subarray(entry, entry + 3), at * 4);
    image.data[at * 4 + 3] = 255 * opacity * cover(value);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Keeps what is costly to make until the field or its look changes. */
export class MapLayer {
  #key = "";
  #painted = null;
  #segments = [];

  /**
   * @param {CanvasRenderingContext2D} context in CSS pixels
   * @param {{field: import("./saliency.js").Field | null, key: string, colours: string, opacity: number, grid: boolean}} look
   * @param {{x: number, y: number, width: number, height: number}} place of the network's view, in CSS pixels
   */
  draw(context, look, place) {
    if (!look.field) return;
    const key = [look.key, look.colours, look.opacity, look.grid].join("|");
    if (key !== this.#key) this.#prepare(look);
    this.#key = key;
    if (look.colours === "contour") this.#stroke(context, look, place);
    else this.#fill(context, look, place);
    if (look.grid) cells(context, look.field, place);
    frame(context, place);
  }

  #prepare({ field, colours, opacity, grid }) {
    const shown = grid ? field : upsample(field, factor(field, POINTS));
    this.#painted = colours === "contour" ? null : paint(shown, colours, opacity);
    if (colours !== "contour") return;
    const smooth = upsample(field, factor(field, LINE_POINTS));
    const turned = { ...smooth, values: smooth.values.map((value) => -value) };
    this.#segments = LINES.map(({ level, width }) => ({
      width,
      above: contour(smooth, level),
      below: field.signed ? contour(turned, level) : [],
    }));
  }

  #fill(context, look, { x, y, width, height }) {
    context.imageSmoothingEnabled = !look.grid;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.#painted, x, y, width, height);
  }

  // White on a dark edge, to be seen on any grey; dashed where the map speaks for the other class.
  #stroke(context, { opacity }, place) {
    context.save();
    context.globalAlpha = Math.min(1, opacity + 0.25);
    context.lineCap = "round";
    for (const [ink, extra] of [["#000000b0", 2], ["#ffffff", 0]]) {
      for (const { width, above, below } of this.#segments) {
        context.strokeStyle = ink;
        context.lineWidth = width + extra;
        context.setLineDash([]);
        trace(context, above, place);
        if (!extra) context.setLineDash([4, 5]);
        trace(context, below, place);
      }
    }
    context.restore();
  }
}

function trace(context, segments, { x, y, width, height }) {
  context.beginPath();
  for (const [x0, y0, x1, y1] of segments) {
    context.moveTo(x + x0 * width, y + y0 * height);
    context.lineTo(x + x1 * width, y + y1 * height);
  }
  context.stroke();
}

function cells(context, { rows, columns }, { x, y, width, height }) {
  context.save();
  context.strokeStyle = "#ffffff40";
  context.lineWidth = 1;
  context.beginPath();
  for (let row = 1; row < rows; row += 1) {
    context.moveTo(x, y + (row / rows) * height);
    context.lineTo(x + width, y + (row / rows) * height);
  }
  for (let column = 1; column < columns; column += 1) {
    context.moveTo(x + (column / columns) * width, y);
    context.lineTo(x + (column / columns) * width, y + height);
  }
  context.stroke();
  context.restore();
}

// The corners of what the network saw: beyond them there is no map, which is not the same as a low one.
function frame(context, { x, y, width, height }) {
  const arm = Math.min(14, width / 8, height / 8);
  context.save();
  context.strokeStyle = "#ffffff8c";
  context.lineWidth = 1;
  context.beginPath();
  for (const [cornerX, towards] of [[x, 1], [x + width, -1]]) {
    for (const [cornerY, down] of [[y, 1], [y + height, -1]]) {
      context.moveTo(cornerX + towards * arm, cornerY);
      context.lineTo(cornerX, cornerY);
      context.lineTo(cornerX, cornerY + down * arm);
    }
  }
  context.stroke();
  context.restore();
}
