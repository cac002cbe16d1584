import type { ComponentType } from "react";
import { CaptionsPage } from "../features/captions/CaptionsPage";
import { SettingsPage } from "../features/settings/SettingsPage";

export interface Page {
  readonly path: string;
  readonly title: string;
  readonly Component: ComponentType;
}

const home: Page = { path: "/", title: "Captions", Component: CaptionsPage };

/** Every page of the app, in the order of its navigation; the first is shown for unknown paths. */
export const pages: readonly Page[] = [
  home,
  { path: "/settings", title: "Settings", Component: SettingsPage },
];

export function pageAt(path: string): Page {
  return pages.find((page) => page.path === path) ?? home;
}
