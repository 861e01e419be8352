// The docs page: Swagger UI, whose own dark colours follow the browser's.

/* global SwaggerUIBundle */

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

dark.addEventListener("change", paint);
paint();
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
  layout: "BaseLayout",
  deepLinking: true,
  showExtensions: true,
  showCommonExtensions: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  syntaxHighlight: { theme: "tomorrow-night" },
});

// What Swagger UI leaves out for those who hear or type: names of fields, keys that scroll, buttons without links in them.
const named = "#swagger-ui :is(select, textarea, input):not([aria-label], [type=hidden])";

function mend() {
  for (const field of document.querySelectorAll(named)) field.setAttribute("aria-label", nameOf(field));
  for (const text of document.querySelectorAll("#swagger-ui pre:is(.microlight, .example):not([tabindex])")) text.tabIndex = 0;
  for (const link of document.querySelectorAll("#swagger-ui button a[href]")) link.removeAttribute("href");
}

function nameOf(field) {
  const row = field.closest("tr, .opblock-section-request-body, .responses-inner, .servers");
  const name = row?.querySelector(".parameter__name, h4, .response-col_status");
  return field.placeholder || name?.firstChild?.textContent.trim() || "Value";
}

new MutationObserver(mend).observe(document.querySelector("#swagger-ui"), { childList: true, subtree: true });
