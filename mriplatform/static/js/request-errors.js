// A fragment that could not be fetched says so; htmx alone would stay silent.
import { toast } from "./toast-undo.js";

const SENTENCES = {
  401: "You were signed out. Reload the page and sign in again.",
  403: "Your role may not do this. Nothing was changed.",
  404: "That is no longer there, or not yours.",
  409: "Someone or something was faster. Reload the page to see how it stands now.",
  413: "That is too big.",
  429: "Too many requests in a short time. Wait a little, then try again.",
  503: "The service is away for a moment. Try again shortly.",
};

/** The server's own sentence where it sent a problem document, ours otherwise. */
export function sentenceFor(status, body) {
  try {
    const problem = JSON.parse(body);
    if (typeof problem.detail === "string" && problem.detail) return problem.detail;
  } catch {
    // Not a problem document: the status says enough.
  }
  return SENTENCES[status] ?? `The server answered ${status}. Nothing on this page was changed.`;
}

document.addEventListener("htmx:responseError", (event) => {
  const { status, responseText } = event.detail.xhr;
  toast(sentenceFor(status, responseText), { harm: true });
});

// A refusal that comes as a problem document is a sentence, not a fragment, also where its status would be swapped in.
document.addEventListener("htmx:beforeSwap", (event) => {
  const kind = event.detail.xhr.getResponseHeader("Content-Type") ?? "";
  if (!kind.startsWith("application/problem+json")) return;
  event.detail.shouldSwap = false;
  event.detail.isError = true;
});

let away = false;
document.addEventListener("htmx:sendError", () => {
  if (!away) toast("The server cannot be reached. What is on the page may be out of date.", { harm: true });
  away = true;
});
document.addEventListener("htmx:afterOnLoad", () => {
  away = false;
});
