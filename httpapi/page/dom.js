// h makes an element. Text only ever becomes text, so nothing that a provider or an
// application calls itself can become markup.
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

const view = document.getElementById("view");
const live = document.getElementById("live");

// show replaces the view and puts the focus on its heading, which screen readers
// read out then. With keep the focus stays where it is.
export function show(children, { keep = false } = {}) {
  view.replaceChildren(...children.filter(Boolean));
  view.setAttribute("aria-busy", "false");
  const heading = view.querySelector("h1");
  if (!heading) return;
  document.title = heading.textContent;
  heading.tabIndex = -1;
  if (!keep) heading.focus();
}

// say has a screen reader read something out.
export function say(text) {
  live.textContent = "";
  // A region that changes twice within one frame may stay unread.
  requestAnimationFrame(() => {
    live.textContent = text;
  });
}
