// Builds elements. Text from outside only ever becomes a text node: there is no way here to make HTML of it.

export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "value" || name === "checked" || name === "disabled" || name === "hidden") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  add(element, children);
  return element;
}

export function add(parent, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : String(child));
  }
  return parent;
}

export function fill(parent, ...children) {
  parent.replaceChildren();
  return add(parent, children);
}

// A name or a title that somebody else wrote: its writing direction stays its own.
export function name(text) {
  return h("bdi", {}, text);
}

// Tells a screen reader what the eye sees by itself.
export function say(text) {
  document.getElementById("said").textContent = text;
}

export function announce(element) {
  element.setAttribute("tabindex", "-1");
  element.focus({ preventScroll: false });
}
