// What a run lacks, and whether another try could bring it.

const SUMMARY_FAILED = "urn:precis:problem:summary-failed";

// Files that cannot be read stay so however often a run is tried again.
export function lacksFilesAlone({ status, summary, coverage, documents, groups }) {
  const isWritten = ({ status, error }) => status !== "failed" || error?.type !== SUMMARY_FAILED;
  return (
    status === "partial" &&
    Boolean(summary) &&
    coverage?.failed.length === 0 &&
    documents.every(isWritten) &&
    (groups || []).every((group) => group.status !== "failed")
  );
}
