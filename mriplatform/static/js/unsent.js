/*
 * What a tab keeps of something that the server could not be given yet. It goes with the tab, and it goes in every tab
 * of the browser when its owner signs out: who sits down next may be somebody else.
 */
import { remember } from "./memory.js";

const PREFIX = "unsent:";
const SIGNED_OUT = "signed-out";
let closed = false;

/** Keep a text, or, with null, keep it no longer. @param {string} owner of the text @param {string} name */
export function hold(owner, name, text) {
  try {
    if (text === null) sessionStorage.removeItem(`${PREFIX}${owner}:${name}`);
    else if (!closed) sessionStorage.setItem(`${PREFIX}${owner}:${name}`, text);
  } catch {
    // Storage may be closed to us; then the server's copy is the only one.
  }
}

/** What is kept by this name, or null. */
export function held(owner, name) {
  try {
    return sessionStorage.getItem(`${PREFIX}${owner}:${name}`);
  } catch {
    return null;
  }
}

/** Forget what is kept, but for one owner's. */
export function forget({ except = null } = {}) {
  try {
    for (const key of Object.keys(sessionStorage))
      if (key.startsWith(PREFIX) && (except === null || !key.startsWith(`${PREFIX}${except}:`)))
        sessionStorage.removeItem(key);
  } catch {
    // Then nothing was kept either.
  }
}

function forgetForGood() {
  closed = true; // the page that is being left has nothing more to keep
  forget();
}

document.addEventListener("submit", ({ target }) => {
  if (!target.matches("form[data-signs-out]")) return;
  forgetForGood();
  remember(SIGNED_OUT, String(Date.now()));
});
window.addEventListener("storage", ({ key }) => key === SIGNED_OUT && forgetForGood());
