// English or Korean: the first of the two that the browser wants.

const wanted = (navigator.languages || [navigator.language]).find((tag) => /^(ko|en)\b/i.test(tag)) || "en";

export const language = wanted.toLowerCase().startsWith("ko") ? "ko" : "en";
