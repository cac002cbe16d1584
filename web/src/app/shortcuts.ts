import { useEffect } from "react";

/** What a key does, and how the help names it. */
export interface Shortcut {
  /** `KeyboardEvent.key`, lower case. */
  readonly keys: readonly string[];
  readonly label: string;
  readonly hint: string;
  readonly run: () => void;
}

/** Keys that belong to an element which has the focus, and not to the page. */
function takesKey(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.closest("input, select, textarea, dialog")) return true;
  return key === " " && target.closest("button, a, summary, label") !== null;
}

/** Listens for the shortcuts while the component is shown. */
export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      const key = event.key.toLowerCase();
      if (takesKey(event.target, key)) return;
      const shortcut = shortcuts.find((one) => one.keys.includes(key));
      if (!shortcut) return;
      event.preventDefault();
      shortcut.run();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [shortcuts]);
}
