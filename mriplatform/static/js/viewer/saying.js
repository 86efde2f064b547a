/* What a viewer has to say, to the page's live region. */
const PAUSE = 300; // ms

/** A voice that says only the last of a quick run of sentences; null takes back what is not said yet. */
export function announceLast() {
  let timer = 0;
  return (sentence) => {
    clearTimeout(timer);
    if (sentence === null) return;
    timer = setTimeout(() => document.dispatchEvent(new CustomEvent("announce", { detail: sentence })), PAUSE);
  };
}
