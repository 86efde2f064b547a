/*
 * What a browser must know of ZIP: the names in one, so that verdicts that come by number can be shown beside them,
 * and how to make one of a folder's files. Names are read here and stay here.
 */
import { plainName } from "../js/plain-name.js";

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const UTF8 = 0x0800;

/** The names in a ZIP by the order of its directory; empty where it is none, or none that is read here. */
export async function namesIn(file) {
  const tailStart = Math.max(0, file.size - 65557);
  const tail = new DataView(await file.slice(tailStart).arrayBuffer());
  let at = tail.byteLength - 22;
  while (at >= 0 && tail.getUint32(at, true) !== END) at -= 1;
  if (at < 0) return [];
  const [count, size, offset] = [tail.getUint16(at + 10, true), tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
  if (size > 4 * 2 ** 20 || offset + size > file.size) return [];
  return directoryNames(new DataView(await file.slice(offset, offset + size).arrayBuffer()), count);
}

function directoryNames(view, count) {
  const names = [];
  let at = 0;
  while (names.length < count && at + 46 <= view.byteLength && view.getUint32(at, true) === CENTRAL) {
    const length = view.getUint16(at + 28, true);
    if (at + 46 + length > view.byteLength) break;
    const decoder = new TextDecoder(view.getUint16(at + 8, true) & UTF8 ? "utf-8" : "windows-1252");
    names.push(decoder.decode(new Uint8Array(view.buffer, view.byteOffset + at + 46, length)));
    at += 46 + length + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return names;
}

/**
 * A ZIP of files, stored as they are, in the order given and always the same bytes for the same files: one that was
 * cut off can be gone on with. What goes up is named by number and kind, below the class that its folder names if that
 * is wanted; `files` are {file, path}, `folderOf` gives the folder to write for a path.
 */
export async function zipOf(files, folderOf, progress) {
  const pieces = [];
  const directory = [];
  let offset = 0;
  for (const [index, { file, path }] of files.entries()) {
    progress(index, files.length);
    const name = new TextEncoder().encode(folderOf(path) + plainName(index + 1, path));
    const crc = crc32(new Uint8Array(await file.arrayBuffer()));
    const sizes = [crc, file.size, file.size];
    pieces.push(record(LOCAL, [20, UTF8, 0, 0, 0x21], sizes, [name.length, 0]), name, file);
    directory.push(
      record(CENTRAL, [20, 20, UTF8, 0, 0, 0x21], sizes, [name.length, 0, 0, 0, 0], [0, offset]),
      name,
    );
    offset += 30 + name.length + file.size;
  }
  const size = directory.reduce((sum, piece) => sum + piece.byteLength, 0);
  const end = record(END, [0, 0, files.length, files.length], [size, offset], [0]);
  return new Blob([...pieces, ...directory, end]);
}

// A record of a ZIP: its signature, then fields of two and of four bytes in turn.
function record(signature, ...groups) {
  const bytes = 4 + groups.reduce((sum, group, index) => sum + group.length * (index % 2 ? 4 : 2), 0);
  const view = new DataView(new ArrayBuffer(bytes));
  view.setUint32(0, signature, true);
  let at = 4;
  for (const [index, group] of groups.entries())
    for (const value of group) {
      if (index % 2) view.setUint32(at, value, true);
      else view.setUint16(at, value, true);
      at += index % 2 ? 4 : 2;
    }
  return new Uint8Array(view.buffer);
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at += 1) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}
