// Returns what a meeting's page shows; everything it looks for comes as data.
(know) => {
  const plain = (text) => text.replace(/[’‘]/g, "'").replace(/[.…\s]+$/u, "").trim().toLowerCase();
  const lines = new Set((document.body?.innerText ?? "").split("\n").map(plain));
  const shown = (element) => element.checkVisibility?.({ visibilityProperty: true }) ?? true;
  const label = (element) =>
    element.getAttribute("aria-label") || element.innerText || element.title || "";
  const buttons = [...document.querySelectorAll("button, [role='button']")].filter(shown);
  const names = buttons.map((button) => plain(label(button)));
  const has = (kind) =>
    know.controls[kind].some((begin) => names.some((name) => name.startsWith(plain(begin))));
  const signs = Object.keys(know.texts).filter((sign) =>
    know.texts[sign].some((text) => lines.has(plain(text))),
  );
  if (has("join")) signs.push("prejoin");
  if (has("leave")) signs.push("in_call");
  const participants = new Map();
  for (const tile of document.querySelectorAll(know.participant)) {
    const id = tile.getAttribute(know.participantId);
    const named = know.participantNames.map((one) => tile.querySelector(one)).find(Boolean);
    const name = (named?.innerText || tile.getAttribute("aria-label") || "").trim();
    const isSelf = know.self.some((one) => tile.matches(one) || tile.querySelector(one) !== null);
    if (id && name && !participants.has(id)) participants.set(id, { id, name, is_self: isSelf });
  }
  return { signs, participants: [...participants.values()] };
}
