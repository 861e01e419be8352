// The form of the options, made from what the service's own description says of them: an option that is newer than this
// page appears by itself, under its own name.

import { h } from "./dom.js";
import { ask } from "./api.js";
import { count, dollars } from "./format.js";
import { word } from "./words.js";

const FIRST = ["model", "length", "style", "language", "focus"];
const LATER = ["facets", "categories", "audience", "instructions", "scope", "words", "variants"];
const CRAFT = ["strategy", "group_by", "verify", "unsupported"];
const LAST = ["min_coverage", "budget"];
const LONG_TEXT = 300; // characters: an option that takes more gets more room
const FEW = 3; // choices that stand side by side, on a small phone too
const FACETS = ["key_terms", "questions", "entities", "action_items", "sentiment", "categories", "synthesis"];
const LANGUAGES = ["auto", "en", "ko", "ja", "zh", "de", "fr", "es"];

export class OptionsForm {
  constructor(document, models, onChange) {
    this.schemas = document.components.schemas;
    this.models = models;
    this.readers = {};
    this.onChange = onChange;
    this.properties = this.schemas.Options.properties;
    const rest = Object.keys(this.properties).filter((name) => ![...FIRST, ...LATER, ...CRAFT, ...LAST].includes(name));
    const fields = (names) => names.filter((name) => name in this.properties).map((name) => this.field(name));
    this.element = h(
      "form",
      { class: "options", "aria-label": word("options"), oninput: onChange, onsubmit: (event) => event.preventDefault() },
      fields(FIRST),
      h("details", {}, h("summary", {}, word("more_options")), fields([...LATER, ...CRAFT, ...rest, ...LAST])),
    );
  }

  // Only what differs from the defaults: those stay the service's to change.
  values() {
    const values = {};
    for (const [name, read] of Object.entries(this.readers)) {
      const value = read();
      if (value !== undefined) values[name] = value;
    }
    return values;
  }

  field(name) {
    const schema = this.resolved(this.properties[name]);
    const label = word(`option_${name}`) || plain(name);
    const hint = hintOf(name, schema);
    if (name === "model") return this.model(label);
    if (name === "facets") return this.facets(label, schema);
    if (name === "language") return this.suggested(name, label, hint, LANGUAGES);
    const { element, read, kind } = this.control(name, schema);
    this.readers[name] = read;
    return row(kind, name, label, hint, element);
  }

  // The control of one schema: { element, read, kind }, `read` giving undefined for the default.
  control(name, schema) {
    const id = `option-${name.replace(".", "-")}`;
    const fallback = schema.default;
    if (schema.enum || schema.const !== undefined) return choices(id, schema.enum || [schema.const], fallback);
    if (schema.type === "boolean") {
      const box = h("input", { type: "checkbox", id, checked: fallback === true });
      return { element: box, read: () => (box.checked === (fallback === true) ? undefined : box.checked) };
    }
    if (schema.type === "integer" || schema.type === "number") {
      const step = schema.type === "integer" ? 1 : "any";
      const bounds = { min: schema.minimum ?? schema.exclusiveMinimum, max: schema.maximum ?? schema.exclusiveMaximum };
      const box = h("input", { type: "number", id, step, ...bounds, value: fallback ?? "", inputmode: "decimal" });
      const read = () => (box.value === "" || Number(box.value) === fallback ? undefined : Number(box.value));
      return { element: box, read };
    }
    if (schema.type === "array") {
      const named = this.resolved(schema.items || {}).enum;
      if (named) return boxes(id, named);
      const box = h("textarea", { id, rows: 3 });
      const lines = () => box.value.split("\n").map((line) => line.trim()).filter(Boolean);
      return { element: box, read: () => (lines().length ? lines() : undefined) };
    }
    if (schema.type === "object") return this.group(name, schema);
    const isLong = (schema.maxLength || 0) > LONG_TEXT;
    const box = h(isLong ? "textarea" : "input", { id, rows: isLong && 2, maxlength: schema.maxLength, value: fallback ?? "" });
    return { element: box, read: () => (box.value === (fallback ?? "") ? undefined : box.value) };
  }

  group(name, schema) {
    const parts = Object.entries(schema.properties || {}).map(([part, given]) => {
      const inner = this.resolved(given);
      const { element, read, kind } = this.control(`${name}.${part}`, inner);
      const label = word(`option_${name}.${part}`) || plain(part);
      return { part, read, element: row(kind, `${name}-${part}`, label, hintOf(`${name}.${part}`, inner), element) };
    });
    const read = () => {
      const known = parts.map(({ part, read: inner }) => [part, inner()]).filter(([, value]) => value !== undefined);
      return known.length ? Object.fromEntries(known) : undefined;
    };
    return { element: h("div", { class: "group" }, parts.map((part) => part.element)), read, kind: "group" };
  }

  model(label) {
    const any = this.models.filter((model) => model.name.endsWith(":*"));
    const note = h("span", { class: "hint", id: "hint-model" });
    const fixed = this.models.map((model) => model.name).filter((name) => !name.endsWith("*"));
    const initial = this.models.find((model) => model.is_default)?.name || "";
    const box = any.length
      ? h("input", { id: "option-model", list: "models", value: initial, autocomplete: "off", spellcheck: "false" })
      : h("select", { id: "option-model" }, fixed.map((name) => h("option", { value: name }, name)));
    box.value = initial;
    box.setAttribute("aria-describedby", "hint-model");
    const describe = () => (note.textContent = this.modelNote(box.value, any));
    box.addEventListener("input", describe);
    describe();
    this.readers.model = () => (box.value && box.value !== initial ? box.value.trim() : undefined);
    const list = any.length > 0 && h("datalist", { id: "models" }, fixed.map((name) => h("option", { value: name })));
    return h("div", { class: "field" }, h("label", { for: "option-model" }, label), box, list, note);
  }

  modelNote(name, any) {
    if (name.startsWith("embedded:")) return word("model_embedded");
    const model = this.models.find((known) => known.name === name);
    const price = model?.usd_per_million_tokens;
    const said = [
      price && word("price", { prompt: dollars(price[0]), answer: dollars(price[1]) }),
      model?.window_tokens && word("window", model.window_tokens),
    ].filter(Boolean);
    if (said.length) return said.join(" · ");
    return any.map((known) => word("model_any", known.name.replace(":*", ""))).join(", ");
  }

  facets(label, schema) {
    const known = this.resolved(schema.items || {}).enum || FACETS;
    const { element, read } = boxes("option-facets", known.filter((name) => !name.startsWith("translation")));
    const to = h("input", { id: "option-translation", size: 5, maxlength: 20, placeholder: "ko", spellcheck: "false" });
    this.readers.facets = () => {
      const chosen = [...(read() || []), ...(to.value.trim() ? [`translation:${to.value.trim()}`] : [])];
      return chosen.length ? chosen : undefined;
    };
    const translate = h("label", { class: "box", for: "option-translation" }, word("hint_translate"), " ", to);
    return h("fieldset", { class: "field" }, h("legend", {}, label), element, translate);
  }

  suggested(name, label, hint, values) {
    const fallback = this.properties[name].default ?? "";
    const box = h("input", { id: `option-${name}`, list: `${name}s`, value: fallback, autocomplete: "off", spellcheck: "false" });
    this.readers[name] = () => (box.value.trim() === fallback || !box.value.trim() ? undefined : box.value.trim());
    const list = h("datalist", { id: `${name}s` }, values.map((value) => h("option", { value })));
    return row(null, name, label, hint, [box, list]);
  }

  // What a schema says once references and "or null" are taken away.
  resolved(schema) {
    if (schema.$ref) return { ...this.resolved(this.schemas[schema.$ref.split("/").pop()]), ...without(schema, "$ref") };
    const kinds = schema.anyOf || schema.oneOf;
    if (!kinds) return schema;
    const kind = kinds.find((one) => one.type !== "null") || {};
    return { ...this.resolved(kind), ...without(schema, "anyOf", "oneOf") };
  }
}

export async function loadOptions(onChange) {
  const [description, models] = await Promise.all([ask("openapi.json"), ask("v1/models")]);
  return { form: new OptionsForm(description, models, onChange), description };
}

function choices(id, values, fallback) {
  if (values.length > FEW) {
    const options = values.map((value) => h("option", { value }, choiceName(value)));
    const box = h("select", { id }, options);
    box.value = fallback ?? values[0];
    return { element: box, read: () => (box.value === fallback ? undefined : box.value) };
  }
  const inputs = values.map((value) => h("input", { type: "radio", name: id, value, checked: value === fallback }));
  const labels = inputs.map((input, at) => h("label", {}, input, h("span", {}, choiceName(values[at]))));
  const read = () => {
    const value = inputs.find((input) => input.checked)?.value;
    return value === fallback ? undefined : value;
  };
  return { element: h("div", { class: "choices" }, labels), read, kind: "group" };
}

function boxes(id, values) {
  const inputs = values.map((value) => h("input", { type: "checkbox", value, name: id }));
  const labels = inputs.map((input, at) => h("label", { class: "box" }, input, choiceName(values[at])));
  const read = () => {
    const chosen = inputs.filter((input) => input.checked).map((input) => input.value);
    return chosen.length ? chosen : undefined;
  };
  return { element: h("div", { class: "boxes" }, labels), read, kind: "group" };
}

function choiceName(value) {
  return value === "auto" ? word("auto") : word(`choice_${value}`) || plain(String(value));
}

function row(kind, name, label, hint, control) {
  const note = hint && h("span", { class: "hint" }, hint);
  if (kind === "group") return h("fieldset", { class: "field" }, h("legend", {}, label), control, note);
  return h("div", { class: "field" }, h("label", { for: `option-${name.replace(".", "-")}` }, label), control, note);
}

// What the page itself says of an option that it knows; of others, the first sentence of the service's description.
function hintOf(name, schema) {
  if (word(`option_${name}`)) return word(`hint_${name}`) || "";
  const said = (schema.description || "").replace(/`/g, "").split(/(?<=[.:])\s/)[0].replace(/:$/, ".");
  const range = schema.minimum !== undefined && schema.maximum !== undefined;
  return said || (range ? `${count(schema.minimum)} – ${count(schema.maximum)}` : "");
}

function plain(name) {
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
}

function without(schema, ...names) {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => !names.includes(name)));
}
