import { pageAt } from "./pages";

export function App() {
  const { Component } = pageAt(window.location.pathname);
  return <Component />;
}
