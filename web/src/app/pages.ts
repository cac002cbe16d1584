import type { ComponentType } from "react";
import { CaptionsPage } from "../features/captions/CaptionsPage";

export interface Page {
  readonly path: string;
  readonly title: string;
  readonly Component: ComponentType;
}

const home: Page = { path: "/", title: "Captions", Component: CaptionsPage };

/** Every page of the app, in the order of its navigation; the first is shown for unknown paths. */
export const pages: readonly Page[] = [home];

export function pageAt(path: string): Page {
  return pages.find((page) => page.path === path) ?? home;
}
