// The files of a folder that is chosen or dropped, always in the same order: {file, path}.
const CLUTTER = /(^|\/)(__MACOSX|\.DS_Store|Thumbs\.db|desktop\.ini|\._[^/]*)(\/|$)/i;

/** What an input holds: its files by their paths in the folder, if it is one, without what systems leave in it. */
export function gathered(files) {
  return ordered([...files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
}

/** What was dropped: files, and the files in folders, however deep. */
export async function inFolder(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return ordered(found);
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  // A reader gives a hundred at a time, and nothing once it is through.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const one of some) await walk(one, found);
  }
}

function ordered(files) {
  const kept = files.filter(({ path }) => !CLUTTER.test(path));
  return kept.sort((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0));
}
