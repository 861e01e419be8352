// What dropped folders say of the documents in them: every folder that was dropped is a group; of a single one, every
// folder in it.

export function labelsOf(documents) {
  const dropped = new Set(documents.filter(({ folders }) => folders.length).map(({ folders }) => folders[0]));
  const depth = dropped.size > 1 ? 0 : 1;
  return documents.map(({ folders }) => folders[depth] || "");
}
