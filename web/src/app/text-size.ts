import { Observable } from "../observable";
import { recall, remember } from "../preferences";

/** Scale factors of the captions. */
const SCALES = [0.75, 0.875, 1, 1.2, 1.45, 1.75, 2.1] as const;
const MIDDLE = 2;

const step = new Observable<number>(Math.min(recall<number>("size") ?? MIDDLE, SCALES.length - 1));

function show(): void {
  const scale = SCALES[step.get()] ?? 1;
  document.documentElement.style.setProperty("--caption-scale", String(scale));
}

export function applyTextSize(): void {
  show();
  step.subscribe(show);
}

/** Makes captions larger (+1) or smaller (-1). */
export function changeTextSize(by: 1 | -1): void {
  const next = Math.max(0, Math.min(SCALES.length - 1, step.get() + by));
  remember("size", next);
  step.set(next);
}
