// Light, dark, or as the system likes it. The choice is kept; a token never is.

import { changed } from "./app";

export type Theme = "auto" | "light" | "dark";
const KEY = "homeostat.theme", system = matchMedia("(prefers-color-scheme: dark)");

export function theme(): Theme {
  const t = localStorage.getItem(KEY);
  return t === "light" || t === "dark" ? t : "auto";
}

export function applyTheme(): void {
  const t = theme();
  document.documentElement.dataset["theme"] = t === "auto" ? (system.matches ? "dark" : "light") : t;
}

export function nextTheme(): void {
  const order: Theme[] = ["auto", "light", "dark"];
  localStorage.setItem(KEY, order[(order.indexOf(theme()) + 1) % 3] as Theme);
  applyTheme();
  changed();
}

system.addEventListener("change", applyTheme);
