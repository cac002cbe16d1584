import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** Pixels from the end within which the reader counts as being at the end. */
const NEAR_PX = 48;

/**
 * Keeps a scroller at its end while content is added, until the reader scrolls up; scrolling back
 * to the end, or `follow`, resumes.
 */
export function useFollow(content: unknown): {
  readonly scroller: RefObject<HTMLElement | null>;
  readonly following: boolean;
  readonly follow: () => void;
} {
  const scroller = useRef<HTMLElement>(null);
  const [following, setFollowing] = useState(true);
  const lastTop = useRef(0);
  const lastHeight = useRef(0);

  // A line or two glide in; longer ways are jumped, so that the view never lags behind.
  const toEnd = useCallback((): void => {
    const element = scroller.current;
    if (!element) return;
    const away = element.scrollHeight - element.clientHeight - element.scrollTop;
    const behavior = away > element.clientHeight / 3 ? "instant" : "auto";
    element.scrollTo({ top: element.scrollHeight, behavior });
  }, []);

  const follow = useCallback((): void => {
    setFollowing(true);
    toEnd();
  }, [toEnd]);

  useLayoutEffect(() => {
    const height = scroller.current?.scrollHeight ?? 0;
    if (following && height !== lastHeight.current) toEnd();
    lastHeight.current = height;
  }, [content, following, toEnd]);

  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const onScroll = (): void => {
      const away = element.scrollHeight - element.clientHeight - element.scrollTop;
      if (away <= NEAR_PX) setFollowing(true);
      else if (element.scrollTop < lastTop.current) setFollowing(false);
      lastTop.current = element.scrollTop;
    };
    const sizes = new ResizeObserver(() => {
      const away = element.scrollHeight - element.clientHeight - lastTop.current;
      if (away <= 4 * NEAR_PX) toEnd();
    });
    element.addEventListener("scroll", onScroll, { passive: true });
    document.addEventListener("follow-live", follow);
    sizes.observe(element);
    return () => {
      element.removeEventListener("scroll", onScroll);
      document.removeEventListener("follow-live", follow);
      sizes.disconnect();
    };
  }, [follow, toEnd]);

  return { scroller, following, follow };
}
