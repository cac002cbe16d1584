import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { IconChevron } from "./icons";
import "./popover.css";

/** A button that opens a panel above it; Escape, a click elsewhere or leaving it closes it. */
export function Popover({
  label,
  name,
  children,
  wide = false,
}: {
  /** What the button shows. */
  readonly label: ReactNode;
  /** What the panel is, for those who do not see it. */
  readonly name: string;
  readonly children: ReactNode;
  readonly wide?: boolean;
}) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();

  useEffect(() => {
    if (!open) return;
    const outside = (event: Event): void => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) setOpen(false);
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      setOpen(false);
      button.current?.focus();
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    document.addEventListener("keydown", onKey);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
      document.removeEventListener("keydown", onKey);
    };
  }, [open]);

  return (
    <div className="popover" ref={box}>
      <button
        ref={button}
        type="button"
        className="choice"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
      >
        <span className="hidden">{name}: </span>
        {label}
        <IconChevron />
      </button>
      <div id={id} className={wide ? "panel wide" : "panel"} role="group" aria-label={name} hidden={!open}>
        {children}
      </div>
    </div>
  );
}
