/*
 * Decodes greyscale PNG to the true stored values, 8 or 16 bit. A browser's own decoder gives 8 bits and may apply
 * gamma; a reader who sets a window needs what was stored. PNG (Third Edition), W3C 2025: sections 5, 7, 9, 10.
 */
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const MOST_PIXELS = 64_000_000;

/**
 * @param {ArrayBuffer} buffer a non-interlaced greyscale PNG
 * @returns {Promise<{width: number, height: number, bits: 8 | 16, data: Uint8Array | Uint16Array}>} row by row
 * @throws {Error} with a sentence, where the file is another kind or damaged
 */
export async function decodePng(buffer) {
  const bytes = new Uint8Array(buffer);
  if (!SIGNATURE.every((value, position) => bytes[position] === value)) throw new Error("The file is not a PNG.");
  const { header, parts } = readChunks(buffer);
  if (!header || !parts.length) throw new Error("The PNG has no image in it.");
  const stride = header.width * (header.bits / 8);
  const raw = await inflate(parts, (stride + 1) * header.height);
  const rows = unfilter(raw, stride, header.height, header.bits / 8);
  return { ...header, data: header.bits === 8 ? rows : bigEndian(rows) };
}

function readChunks(buffer) {
  const view = new DataView(buffer);
  const parts = [];
  let header = null;
  for (let at = 8; at + 12 <= view.byteLength; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...new Uint8Array(buffer, at + 4, 4));
    if (at + 12 + length > view.byteLength) throw new Error("The PNG ends too early.");
    if (type === "IHDR") header = readHeader(new DataView(buffer, at + 8, length));
    if (type === "IDAT") parts.push(new Uint8Array(buffer, at + 8, length));
    if (type === "IEND") return { header, parts };
    at += 12 + length;
  }
  throw new Error("The PNG ends too early.");
}

function readHeader(view) {
  if (view.byteLength !== 13) throw new Error("The PNG's header is damaged.");
  const [width, height, bits] = [view.getUint32(0), view.getUint32(4), view.getUint8(8)];
  if (view.getUint8(9) !== 0 || (bits !== 8 && bits !== 16)) throw new Error("The PNG is not greyscale of 8 or 16 bit.");
  if (view.getUint8(10) || view.getUint8(11)) throw new Error("The PNG uses an unknown coding.");
  if (view.getUint8(12)) throw new Error("The PNG is interlaced.");
  if (!width || !height || width * height > MOST_PIXELS) throw new Error("The PNG's size is out of bounds.");
  return { width, height, bits };
}

async function inflate(parts, expected) {
  const out = new Uint8Array(expected);
  const reader = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  let filled = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (filled + value.length > expected) throw new RangeError();
      out.set(value, filled);
      filled += value.length;
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw new Error("The PNG's image is damaged.", { cause: error });
  }
  if (filled !== expected) throw new Error("The PNG's image ends too early.");
  return out;
}

// Filters work on bytes; `unit` is the distance to the byte of the pixel on the left.
function unfilter(raw, stride, height, unit) {
  const out = new Uint8Array(stride * height);
  for (let row = 0; row < height; row += 1) {
    const from = row * (stride + 1);
    const to = row * stride;
    const kind = raw[from];
    if (kind > 4) throw new Error("The PNG's image is damaged.");
    for (let at = 0; at < stride; at += 1) {
      const left = at >= unit ? out[to + at - unit] : 0;
      const up = row ? out[to + at - stride] : 0;
      const corner = row && at >= unit ? out[to + at - stride - unit] : 0;
      out[to + at] = raw[from + 1 + at] + predicted(kind, left, up, corner);
    }
  }
  return out;
}

function predicted(kind, left, up, corner) {
  if (kind === 0) return 0;
  if (kind === 1) return left;
  if (kind === 2) return up;
  if (kind === 3) return (left + up) >> 1;
  const guess = left + up - corner;
  const [toLeft, toUp, toCorner] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

function bigEndian(bytes) {
  const values = new Uint16Array(bytes.length / 2);
  for (let at = 0; at < values.length; at += 1) values[at] = (bytes[2 * at] << 8) | bytes[2 * at + 1];
  return values;
}
