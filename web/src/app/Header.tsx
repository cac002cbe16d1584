import { type ReactNode, useRef, useSyncExternalStore } from "react";
import { IconKeyboard, IconMoon, IconSun, Logo } from "../ui/icons";
import { pages } from "./pages";
import type { Shortcut } from "./shortcuts";
import { changeTextSize } from "./text-size";
import { theme, toggleTheme } from "./theme";
import "./header.css";

/** The bar on top: where one is, what the page has to say there, and how it looks. */
export function Header({
  children,
  shortcuts,
}: {
  readonly children: ReactNode;
  readonly shortcuts: readonly Shortcut[];
}) {
  const now = useSyncExternalStore(theme.subscribe, theme.get);
  const help = useRef<HTMLDialogElement>(null);
  return (
    <header className="header">
      <a className="brand" href="/">
        <Logo />
        <span>LiveTranslate</span>
      </a>
      {pages.length > 1 && <Navigation />}
      <div className="header-state">{children}</div>
      <div className="header-tools">
        <button type="button" className="tool" onClick={() => changeTextSize(-1)}>
          <span aria-hidden="true" className="small-a">
            A
          </span>
          <span className="hidden">Smaller captions</span>
        </button>
        <button type="button" className="tool" onClick={() => changeTextSize(1)}>
          <span aria-hidden="true" className="large-a">
            A
          </span>
          <span className="hidden">Larger captions</span>
        </button>
        <button type="button" className="tool" onClick={toggleTheme}>
          {now === "dark" ? <IconSun /> : <IconMoon />}
          <span className="hidden">{now === "dark" ? "Light theme" : "Dark theme"}</span>
        </button>
        <button type="button" className="tool keys" onClick={() => help.current?.showModal()}>
          <IconKeyboard />
          <span className="hidden">Keyboard shortcuts</span>
        </button>
      </div>
      <dialog ref={help} className="help" aria-label="Keyboard shortcuts">
        <h2>Keyboard</h2>
        <dl>
          {shortcuts.map((shortcut) => (
            <div key={shortcut.hint}>
              <dt>
                <kbd>{shortcut.label}</kbd>
              </dt>
              <dd>{shortcut.hint}</dd>
            </div>
          ))}
        </dl>
        <form method="dialog">
          <button type="submit" className="button">
            Close
          </button>
        </form>
      </dialog>
    </header>
  );
}

function Navigation() {
  return (
    <nav className="navigation">
      {pages.map((page) => (
        <a
          key={page.path}
          href={page.path}
          aria-current={page.path === window.location.pathname ? "page" : undefined}
        >
          {page.title}
        </a>
      ))}
    </nav>
  );
}
