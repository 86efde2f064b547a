/*
 * Where a finding lies: {shape: "box" | "ellipse" | "point", x, y, width, height} in shares of the image's width and
 * height, x and y its centre; a point has no size. Edges lie on a grid of ten-thousandths, so that what is shown, sent
 * and stored is the same, and never beyond the image.
 */
export const SHAPES = ["box", "ellipse", "point"];
const GRID = 10_000;
const LEAST = 50; // of the grid: the smallest side that a keyboard makes, half a per cent
const FIRST = 0.25; // side of the region that a keyboard starts with

const onGrid = (share) => Math.round(Math.min(1, Math.max(0, share)) * GRID);
const ofGrid = (place) => Math.round((place / GRID) * 1e5) / 1e5;

function make(shape, left, top, right, bottom) {
  const centre = { x: ofGrid((left + right) / 2), y: ofGrid((top + bottom) / 2) };
  if (shape === "point") return { shape, ...centre };
  return { shape, ...centre, width: ofGrid(right - left), height: ofGrid(bottom - top) };
}

/** Left, top, right, bottom of a region, on the grid. */
function edges({ x, y, width = 0, height = 0 }) {
  return [x - width / 2, y - height / 2, x + width / 2, y + height / 2].map(onGrid);
}

/** A region between two points (in shares), or null where they lie so close that none was meant. */
export function spanning(shape, from, to) {
  if (shape === "point") return make(shape, ...[to.x, to.y, to.x, to.y].map(onGrid));
  const [left, right] = [onGrid(from.x), onGrid(to.x)].sort((a, b) => a - b);
  const [top, bottom] = [onGrid(from.y), onGrid(to.y)].sort((a, b) => a - b);
  return right - left < LEAST || bottom - top < LEAST ? null : make(shape, left, top, right, bottom);
}

/** What a keyboard starts from: in the middle of the image. */
export function middle(shape) {
  return { shape, x: 0.5, y: 0.5, ...(shape === "point" ? {} : { width: FIRST, height: FIRST }) };
}

/** The region moved by shares of the image, as far as the image goes. */
export function moved(region, dx, dy) {
  const [left, top, right, bottom] = edges(region);
  const x = Math.min(GRID - right, Math.max(-left, Math.round(dx * GRID)));
  const y = Math.min(GRID - bottom, Math.max(-top, Math.round(dy * GRID)));
  return make(region.shape, left + x, top + y, right + x, bottom + y);
}

/** The region wider and higher by shares of the image, about its centre while there is room; a point stays a point. */
export function sized(region, wider, higher) {
  if (region.shape === "point") return region;
  const [left, top, right, bottom] = edges(region);
  const [x0, x1] = stretched(left, right, Math.round(wider * GRID));
  const [y0, y1] = stretched(top, bottom, Math.round(higher * GRID));
  return make(region.shape, x0, y0, x1, y1);
}

function stretched(from, to, by) {
  const length = Math.min(GRID, Math.max(LEAST, to - from + by));
  const start = Math.min(GRID - length, Math.max(0, Math.round((from + to - length) / 2)));
  return [start, start + length];
}

/** The same place as another shape. */
export function shaped(region, shape) {
  if (region.shape === shape) return region;
  if (shape === "point") return { shape, x: region.x, y: region.y };
  if (region.shape !== "point") return { ...region, shape };
  return sized(make(shape, ...edges(region)), FIRST, FIRST);
}

/** @throws {Error} naming what is wrong with a region that came from elsewhere */
export function readRegion(given) {
  if (!SHAPES.includes(given?.shape)) throw new Error(`The region's shape is none of ${SHAPES.join(", ")}.`);
  const sides = given.shape === "point" ? [0, 0] : [given.width, given.height];
  const numbers = [given.x, given.y, ...sides];
  if (!numbers.every((value) => Number.isFinite(value) && value >= 0 && value <= 1))
    throw new Error("The region's numbers are not shares from 0 to 1.");
  const [left, top, right, bottom] = edges({ ...given, width: sides[0], height: sides[1] });
  if (given.shape !== "point" && (right <= left || bottom <= top)) throw new Error("The region has no size.");
  return make(given.shape, left, top, right, bottom);
}

const percent = (share) => `${Math.round(share * 100)} %`;

/** "Box, 20 % by 15 %, centre 42 % from the left, 31 % from the top." */
export function regionWords({ shape, x, y, width, height }) {
  const name = shape[0].toUpperCase() + shape.slice(1);
  const size = shape === "point" ? "" : ` ${percent(width)} by ${percent(height)}, centre`;
  return `${name},${size} ${percent(x)} from the left, ${percent(y)} from the top.`;
}
