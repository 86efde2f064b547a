/* From stored values to grey: the window, as DICOM defines it, and windows that suit an image. */

/**
 * Grey 0–255 for every stored value. Linear window of DICOM PS3.3 C.11.2.1.2.1: the 8-bit full range (centre 128,
 * width 256) is the identity.
 * @param {{center: number, width: number}} window in stored values; width ≥ 1
 * @param {8 | 16} bits
 * @param {boolean} inverted
 * @returns {Uint8ClampedArray} 256 or 65,536 entries
 */
export function greyTable({ center, width }, bits, inverted = false) {
  const table = new Uint8ClampedArray(1 << bits);
  const low = center - 0.5 - (width - 1) / 2;
  for (let value = 0; value < table.length; value += 1) {
    let grey;
    if (value <= low) grey = 0;
    else if (value > low + width - 1) grey = 255;
    else grey = ((value - low) / (width - 1)) * 255;
    table[value] = inverted ? 255 - grey : grey;
  }
  return table;
}

/** Counts of every stored value, with the least and greatest that occur. */
export function histogram({ data, bits }) {
  const counts = new Uint32Array(1 << bits);
  for (const value of data) counts[value] += 1;
  const least = counts.findIndex(Boolean);
  let greatest = counts.length - 1;
  while (greatest > least && !counts[greatest]) greatest -= 1;
  return { counts, least, greatest };
}

/** The value below which a share of the pixels above zero lies; the background would drown the head otherwise. */
export function percentile({ counts, least, greatest }, share) {
  let total = 0;
  for (let value = Math.max(1, least); value <= greatest; value += 1) total += counts[value];
  let left = total * share;
  for (let value = Math.max(1, least); value <= greatest; value += 1) {
    left -= counts[value];
    if (left <= 0 && counts[value]) return value;
  }
  return greatest;
}

/** The window whose dark end is `low` and whose bright end is `high`. */
export function between(low, high) {
  const width = Math.max(2, high - low + 1);
  return { center: low + width / 2, width };
}

/**
 * Named windows for one image. "default" is the one it was stored with, else all of 8 bits or of what occurs in 16.
 * @param {{bits: 8 | 16}} pixels
 * @param {ReturnType<typeof histogram>} counts
 * @param {{center: number, width: number} | null} stored
 */
export function presets(pixels, counts, stored) {
  const full = pixels.bits === 8 ? between(0, 255) : between(counts.least, counts.greatest);
  return {
    default: stored ?? full,
    full,
    auto: between(percentile(counts, 0.005), percentile(counts, 0.995)),
    high: between(percentile(counts, 0.2), percentile(counts, 0.98)),
  };
}
