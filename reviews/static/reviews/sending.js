/*
 * When a step does not get through: it is said, everything stays as it was, and what was said with a key of its own is
 * sent once more by itself when the server can be reached again. The key makes it one statement, however often it comes.
 */
import { toast } from "../js/toast-undo.js";

const UNREACHABLE = "Not sent: the server cannot be reached. What you entered is still here";
const REACHED = "The server is reached again. What you changed since is not sent yet.";
const SIGNED_OUT = "You were signed out. What you entered stays in this tab: sign in again, and go on with it.";

const panel = () => document.getElementById("panel");

let waiting = null; // the step that did not get through: its form, its button, and what the form held
let notice = null;

/** Said until it is no longer so. */
function say(sentence, more = {}) {
  notice?.remove();
  notice = toast(sentence, { harm: true, ...more });
}

function settle() {
  waiting = null;
  notice?.remove();
}

/** What a form says; how long it took and whose it is are no part of that. */
function content(form) {
  const said = new FormData(form);
  for (const name of ["active_ms", "csrfmiddlewaretoken"]) said.delete(name);
  return JSON.stringify([...said]);
}

function sendAgain() {
  if (!waiting) return;
  const { form, button, held } = waiting;
  waiting = null;
  notice?.remove();
  if (!form.isConnected) return;
  if (content(form) === held) form.requestSubmit(button?.isConnected ? button : undefined);
  else toast(REACHED);
}

document.body.addEventListener("htmx:sendError", (event) => {
  const form = event.target;
  if (!panel()?.contains(form)) return;
  event.stopPropagation();
  const again = form instanceof HTMLFormElement && form.elements.idempotency_key;
  const button = event.detail.requestConfig?.triggeringEvent?.submitter;
  waiting = again ? { form, button, held: content(form) } : null;
  say(`${UNREACHABLE}${again ? ", and is sent when it is back; or try again." : "; try again."}`);
});

document.body.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status !== 401 || !panel()?.contains(event.target)) return;
  event.stopPropagation();
  signedOut();
});

// Where the reader comes back to after signing in is this reading.
function signedOut() {
  say(SIGNED_OUT, { link: { words: "Sign in", href: window.location.pathname } });
}

document.body.addEventListener("htmx:afterOnLoad", settle);
// An autosave is tried again and again; that it is refused is said once.
document.addEventListener("draft:signed-out", () => {
  if (!notice?.isConnected || !notice.textContent.startsWith(SIGNED_OUT)) signedOut();
});
document.addEventListener("draft:kept", () => {
  notice?.remove();
  sendAgain();
});
window.addEventListener("online", sendAgain);
