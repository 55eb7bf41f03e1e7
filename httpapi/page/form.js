// The form of an integration, drawn from what the provider asks for.
import { h } from "./dom.js";

const idOf = (field) => `${field.group}.${field.name}`;

// Form draws fields and reads them. The service checks what they hold; here only
// what is missing is found, so that nothing is sent in vain.
export class Form {
  constructor(fields) {
    this.fields = fields;
    this.rows = new Map();
    this.element = h("div", { class: "fields" }, fields.map((f) => this.draw(f)));
    this.element.addEventListener("input", () => this.update());
    this.update();
  }

  draw(field) {
    const id = idOf(field);
    const error = h("p", { id: id + "-error", class: "field-error", "data-testid": "error-" + id });
    const notes = [];
    if (field.description) notes.push(h("span", { class: "line" }, field.description));
    if (field.example) notes.push(h("span", { class: "line" }, "Example: ", field.example));
    if (field.help) {
      notes.push(h("a", { href: field.help, target: "_blank", rel: "noopener noreferrer" }, "Where to find it", h("span", { class: "unseen" }, `: ${field.title} (opens in a new window)`)));
    }
    const note = h("p", { id: id + "-note", class: "note" }, notes);
    const warning = h("p", { id: id + "-warning", class: "warning", "data-testid": "warning-" + id });
    const control = this.control(field, id);
    control.setAttribute("aria-describedby", [notes.length ? note.id : "", warning.id, error.id].filter(Boolean).join(" "));
    const row = h("div", { class: "field", "data-testid": "field-" + id },
      h("label", { for: id }, field.title, field.required || field.value ? null : h("span", { class: "quiet" }, " (optional)")),
      this.wrap(field, control), notes.length ? note : null, warning, error);
    this.rows.set(id, { field, row, control, error, warning });
    return row;
  }

  control(field, id) {
    const common = { id, name: id, "data-testid": "input-" + id, "aria-required": field.required ? "true" : null };
    if (field.enum) {
      const options = field.enum.map((v) => h("option", { value: v, selected: v === field.value }, v));
      if (!field.enum.includes(field.value || "")) options.unshift(h("option", { value: "", selected: !field.value }, "Choose…"));
      return h("select", common, options);
    }
    const typed = { ...common, autocomplete: "off", autocapitalize: "none", spellcheck: "false" };
    if (field.lines) return h("textarea", { ...typed, rows: "5", class: "masked" }, field.value || "");
    const input = h("input", { ...typed, type: field.secret ? "password" : "text", inputmode: field.kind === "text" ? null : field.kind });
    if (field.secret) input.setAttribute("autocomplete", "new-password"); // or browsers offer the user's own
    input.value = field.value || "";
    input.readOnly = Boolean(field.fixed);
    return input;
  }

  wrap(field, control) {
    const parts = [];
    if (field.prefix) parts.push(h("span", { class: "affix" }, field.prefix));
    parts.push(control);
    if (field.suffix) parts.push(h("span", { class: "affix" }, field.suffix));
    if (field.secret) parts.push(showButton(field, control));
    return h("div", { class: "control" }, parts);
  }

  value(field) {
    return this.rows.get(idOf(field)).control.value;
  }

  // visible says whether a field that depends on another is asked for.
  visible(field, depth = 0) {
    const on = field.visibleWhen;
    if (!on || depth > this.fields.length) return true;
    const other = this.fields.find((f) => f.name === on.field && f !== field);
    return !other || (this.visible(other, depth + 1) && this.value(other) === on.equals);
  }

  update() {
    for (const { field, row, warning } of this.rows.values()) {
      row.hidden = !this.visible(field);
      const text = (field.warnings || {})[this.value(field)] || "";
      if (warning.textContent !== text) warning.textContent = text;
    }
  }

  values() {
    const out = { config: {}, credentials: {} };
    for (const field of this.fields) {
      if (this.visible(field) && this.value(field) !== "") out[field.group][field.name] = this.value(field);
    }
    return out;
  }

  // check marks what is missing, and says whether nothing is.
  check() {
    const missing = this.fields
      .filter((f) => f.required && this.visible(f) && this.value(f).trim() === "")
      .map((f) => ({ path: [f.group, f.name], message: `${f.title} is needed.` }));
    return this.mark(missing).length === 0 && missing.length === 0;
  }

  // mark puts problems next to their fields, focuses the first one, and returns those
  // that have no field.
  mark(items) {
    const left = [];
    for (const { control, error } of this.rows.values()) {
      control.removeAttribute("aria-invalid");
      error.textContent = "";
    }
    let first = null;
    for (const item of items) {
      const [group, ...rest] = item.path || [];
      const row = this.rows.get(`${group}.${rest.join(".")}`);
      if (!row || row.row.hidden) {
        left.push(item);
        continue;
      }
      row.control.setAttribute("aria-invalid", "true");
      row.error.textContent = item.message;
      first = first || row.control;
    }
    if (first) first.focus();
    return left;
  }
}

function showButton(field, control) {
  const button = h("button", { type: "button", class: "plain", "aria-pressed": "false", "data-testid": "show-" + idOf(field), "aria-label": `Show ${field.title}` }, "Show");
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    if (control.tagName === "TEXTAREA") control.classList.toggle("masked", !shown);
    else control.type = shown ? "text" : "password";
  });
  return button;
}
