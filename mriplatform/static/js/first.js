// Runs before the first paint, so that neither the theme nor the key caps flicker. Everything else is a module.
(() => {
  const root = document.documentElement;
  const remembered = (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null; // Storage may be closed to us; the page's own choices then hold.
    }
  };
  root.dataset.pageTheme = root.dataset.theme;
  const theme = remembered("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  root.dataset.keys = remembered("keys") === "off" ? "off" : "on";
})();
