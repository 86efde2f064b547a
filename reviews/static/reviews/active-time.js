/*
 * How long a reader works on a step: while the page is visible and in focus, and for half a minute after they last
 * moved anything. The time stands in the field of the step's form, so that it goes with the step and with its draft.
 */
const IDLE = 30_000; // ms without a key or a movement: up to then somebody may simply be looking
const ACTS = ["keydown", "pointerdown", "pointermove", "wheel", "scroll", "touchstart"];

let spent = 0;
let since = null; // when counting went on last; null while nobody looks at the page
let moved = 0;

const looking = () => document.visibilityState === "visible" && document.hasFocus();
const fields = (panel) => panel?.querySelectorAll("input[name='active_ms']") ?? [];

function advance() {
  const now = performance.now();
  if (since !== null) spent += Math.max(0, Math.min(now, moved + IDLE) - since);
  since = looking() ? now : null;
  return now;
}

// To come back to the page is to move, too.
function act() {
  const now = advance();
  if (since !== null) moved = now;
}

/** Count anew, from what the panel's form knows of the same step from before. */
export function beginTime(panel) {
  act();
  spent = Number([...fields(panel)][0]?.value) || 0;
}

/** Write into the panel's form how long it was so far. */
export function writeTime(panel) {
  advance();
  for (const field of fields(panel)) field.value = String(Math.round(spent));
}

for (const name of ACTS) document.addEventListener(name, act, { capture: true, passive: true });
for (const name of ["focus", "blur"]) window.addEventListener(name, act);
document.addEventListener("visibilitychange", act);
document.addEventListener("submit", ({ target }) => writeTime(target.closest("#panel")), { capture: true });
