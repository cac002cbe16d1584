import { Observable } from "../observable";
import { recall, remember } from "../preferences";

export type Theme = "light" | "dark";

const system = window.matchMedia("(prefers-color-scheme: dark)");
const chosen = recall<Theme>("theme");

/** The theme at work: the user's choice, else the system's. */
export const theme = new Observable<Theme>(chosen ?? systemTheme());

function systemTheme(): Theme {
  return system.matches ? "dark" : "light";
}

function show(): void {
  document.documentElement.dataset["theme"] = theme.get();
}

/** Puts the theme on the page and keeps it there as the system's changes. */
export function applyTheme(): void {
  show();
  theme.subscribe(show);
  system.addEventListener("change", () => {
    if (recall<Theme>("theme") === null) theme.set(systemTheme());
  });
}

export function toggleTheme(): void {
  const next = theme.get() === "dark" ? "light" : "dark";
  remember("theme", next === systemTheme() ? null : next);
  theme.set(next);
}
