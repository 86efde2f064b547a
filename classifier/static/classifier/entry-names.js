/*
 * Names of an archive's entries, kept by this browser for as long as its tab is open; the server never had them.
 * <entry-names data-archive="…"> shows them in the cells with data-name-of, which are hidden where none is known.
 */
const key = (archive) => `archive-names:${archive}`;

export function keepNames(archive, names) {
  try {
    sessionStorage.setItem(key(archive), JSON.stringify(names));
  } catch {
    // No room, or no storage: verdicts are then by number alone.
  }
}

export function keptNames(archive) {
  try {
    const names = JSON.parse(sessionStorage.getItem(key(archive)) ?? "[]");
    return Array.isArray(names) ? names : [];
  } catch {
    return [];
  }
}

class EntryNames extends HTMLElement {
  connectedCallback() {
    const names = keptNames(this.dataset.archive);
    if (!names.length) return;
    this.querySelector("[data-name-head]").hidden = false;
    for (const cell of this.querySelectorAll("[data-name-of]")) {
      const name = document.createElement("span");
      name.className = "entry-name";
      name.textContent = names[Number(cell.dataset.nameOf) - 1] ?? "";
      cell.replaceChildren(name);
      cell.hidden = false;
    }
  }
}

if (!customElements.get("entry-names")) customElements.define("entry-names", EntryNames);
