// What every page has. Each import defines one behaviour; a page without its elements is untouched.
import "./theme.js";
import "./keys.js";
import "./dialogs.js";
import "./live-region.js";
import "./toast-undo.js";
import "./drop-zone.js";
import "./request-errors.js";
import "./unsent.js";
