// Numbers, times and sizes in the reader's language.

import { language } from "./language.js";

const whole = new Intl.NumberFormat(language);
const tenths = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const UNITS = [["hour", 3600], ["minute", 60], ["second", 1]];

export const count = (value) => whole.format(value);
export const decimal = (value) => tenths.format(value);
export const share = (value) => (value > 0.99 && value < 1 ? exact : percent).format(value);
export const when = (value) => moment.format(new Date(value));

export function duration(seconds) {
  const parts = [];
  let left = Math.max(0, Math.round(seconds));
  for (const [unit, size] of UNITS) {
    const many = Math.floor(left / size);
    left -= many * size;
    if (many && parts.length < 2) parts.push(unitOf(many, unit));
  }
  return parts.join(" ") || unitOf(seconds > 0 ? Math.max(0.1, Math.round(seconds * 10) / 10) : 0, "second");
}

export function bytes(size) {
  const [unit, by] = size >= 1e6 ? ["MB", 1e6] : size >= 1e3 ? ["kB", 1e3] : ["B", 1];
  return `${tenths.format(size / by)}\u00a0${unit}`;
}

// Small sums keep the digits that tell them from nothing.
export function dollars(value) {
  const digits = value > 0 && value < 0.01 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 2 };
  return new Intl.NumberFormat(language, { style: "currency", currency: "USD", ...digits }).format(value);
}

function unitOf(value, unit) {
  const style = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 };
  return new Intl.NumberFormat(language, style).format(value);
}

export function languageName(tag) {
  try {
    return new Intl.DisplayNames(language, { type: "language" }).of(tag);
  } catch {
    return tag;
  }
}
