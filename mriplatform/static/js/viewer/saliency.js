/*
 * From raw class maps to what is shown. Raw means sum over k of w_kc · A_k before the ReLU, as the network gives it;
 * Grad-CAM of class c's logit is its positive part (Selvaraju et al. 2017, eq. 2, for a network that ends in global
 * average pooling and one linear layer).
 */

/**
 * @typedef {{rows: number, columns: number, values: Float32Array, signed: boolean}} Field values in 0…1, or −1…1 if signed
 * @typedef {{classes: string[], names?: Record<string, string>, maps: number[] | number[][][], box?: number[], top?: string}} Maps
 */

/** Check what the server sent. @param {Maps} given @throws {Error} with a sentence */
export function readMaps(given) {
  const classes = given?.classes;
  if (!Array.isArray(classes) || !classes.length) throw new Error("The maps name no classes.");
  const flat = given.maps.flat(2);
  const cells = flat.length / classes.length;
  const rows = Array.isArray(given.maps[0]) ? given.maps.length : Math.sqrt(cells);
  const columns = cells / rows;
  if (!Number.isInteger(rows) || !Number.isInteger(columns) || rows < 1) throw new Error("The maps have a wrong size.");
  if (!flat.every(Number.isFinite)) throw new Error("The maps hold something that is not a number.");
  const box = given.box ?? null;
  if (box && !(box.length === 4 && box.every(Number.isFinite) && box[2] > box[0] && box[3] > box[1]))
    throw new Error("The maps' box is malformed.");
  const names = Object.fromEntries(classes.map((name) => [name, given.names?.[name] ?? name]));
  const top = classes.includes(given.top) ? given.top : classes[0];
  return { classes, names, rows, columns, flat: Float32Array.from(flat), box, top };
}

function plane({ flat, classes }, name) {
  const from = classes.indexOf(name);
  if (from < 0) throw new Error(`There is no map for ${name}.`);
  return flat.filter((_, at) => at % classes.length === from);
}

/** Positive part of a class's map over its greatest value; null where nothing is positive. @returns {Field | null} */
export function classField(maps, name) {
  const values = plane(maps, name).map((value) => Math.max(0, value));
  return scaled(maps, values, Math.max(...values), false);
}

/**
 * One class's map minus another's, over the greatest difference: where the image speaks for the first rather than the
 * second (positive), and the other way round. Null where they are equal everywhere. @returns {Field | null}
 */
export function contrastField(maps, name, against) {
  const other = plane(maps, against);
  const values = plane(maps, name).map((value, at) => value - other[at]);
  return scaled(maps, values, Math.max(...values.map(Math.abs)), true);
}

function scaled({ rows, columns }, values, greatest, signed) {
  if (!(greatest > 0)) return null;
  return { rows, columns, values: values.map((value) => value / greatest), signed };
}

/**
 * The field at rows·factor × columns·factor points, bilinear between the cells' middles and level beyond the outermost.
 * @param {Field} field @returns {Field}
 */
export function upsample(field, factor) {
  const rows = field.rows * factor;
  const columns = field.columns * factor;
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    const [top, bottom, down] = neighbours(row, factor, field.rows);
    for (let column = 0; column < columns; column += 1) {
      const [left, right, across] = neighbours(column, factor, field.columns);
      const upper = mix(field.values[top * field.columns + left], field.values[top * field.columns + right], across);
      const lower = mix(field.values[bottom * field.columns + left], field.values[bottom * field.columns + right], across);
      values[row * columns + column] = mix(upper, lower, down);
    }
  }
  return { ...field, rows, columns, values };
}

function neighbours(at, factor, count) {
  const place = Math.min(count - 1, Math.max(0, (at + 0.5) / factor - 0.5));
  const first = Math.floor(place);
  return [first, Math.min(count - 1, first + 1), place - first];
}

function mix(from, to, share) {
  return from + (to - from) * share;
}

/**
 * Lines of equal height by marching squares, as segments [x0, y0, x1, y1] in 0…1 of the field's width and height.
 * @param {Field} field best upsampled @param {number} level
 */
export function contour({ rows, columns, values }, level) {
  const segments = [];
  const at = (row, column) => values[row * columns + column] - level;
  for (let row = 0; row + 1 < rows; row += 1) {
    for (let column = 0; column + 1 < columns; column += 1) {
      const corners = [at(row, column), at(row, column + 1), at(row + 1, column + 1), at(row + 1, column)];
      const crossings = [];
      for (const [edge, [from, to]] of EDGES.entries()) {
        const [a, b] = [corners[from], corners[to]];
        if (a > 0 !== b > 0) crossings.push(point(edge, a / (a - b), row, column));
      }
      for (let pair = 0; pair + 1 < crossings.length; pair += 2)
        segments.push([...crossings[pair], ...crossings[pair + 1]].map((v, i) => v / (i % 2 ? rows : columns)));
    }
  }
  return segments;
}

const EDGES = [[0, 1], [1, 2], [2, 3], [3, 0]];

// Values stand at the middle of their cells, hence the half.
function point(edge, share, row, column) {
  const [x, y] = [[share, 0], [1, share], [1 - share, 1], [0, 1 - share]][edge];
  return [column + x + 0.5, row + y + 0.5];
}
