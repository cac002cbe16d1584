import { useEffect, useRef } from "react";
import { FLOOR_DBFS } from "../../audio/level";
import type { Observable } from "../../observable";

const BARS = 28;
/** Level from which the input is about to clip, in dBFS. */
const HOT_DBFS = -4;

/** Shows the last second of loudness as bars; lit while someone speaks. */
export function LevelMeter({
  level,
  speech,
}: {
  readonly level: Observable<number>;
  readonly speech: boolean;
}) {
  const meter = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const bars = Array<number>(BARS).fill(FLOOR_DBFS);
    const draw = (): void => {
      const element = meter.current;
      if (!element) return;
      bars.shift();
      bars.push(level.get());
      element.setAttribute("aria-valuenow", level.get().toFixed(0));
      [...element.children].forEach((bar, index) => {
        const dbfs = bars[index] ?? FLOOR_DBFS;
        const share = Math.max(0.08, 1 - dbfs / FLOOR_DBFS);
        (bar as HTMLElement).style.transform = `scaleY(${share.toFixed(3)})`;
        bar.className = dbfs >= HOT_DBFS ? "hot" : "";
      });
    };
    return level.subscribe(draw);
  }, [level]);
  return (
    <div
      ref={meter}
      className="meter"
      data-speech={speech}
      role="meter"
      aria-label="Input level in dB"
      aria-valuemin={FLOOR_DBFS}
      aria-valuemax={0}
      aria-valuenow={FLOOR_DBFS}
    >
      {Array.from({ length: BARS }, (_, index) => (
        <i key={index} />
      ))}
    </div>
  );
}
