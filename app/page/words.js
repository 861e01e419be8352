// Every word of the page, in English and in Korean; the browser's language decides.

import { english } from "./english.js";
import { korean } from "./korean.js";
import { language } from "./language.js";

const words = language === "ko" ? korean : english;

// A word may be a function of what it speaks of. What a language lacks is said in English; what has no word at all
// (a field or a problem that is newer than this page) is undefined.
export function word(key, values) {
  const found = words[key] ?? english[key];
  return typeof found === "function" ? found(values) : found;
}
