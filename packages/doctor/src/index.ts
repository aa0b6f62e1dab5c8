// Finds out why a chat stream stalls. The command is in node/cli.ts.

export { type ExamineOptions, examine, type Report } from './examine.ts';
export type { Ending, Finding } from './findings.ts';
export { formatReport } from './format-report.ts';
export type { Measures } from './measure.ts';
export type { Read } from './recording.ts';
export type { Stall } from './stall-watch.ts';
export { adviceOf, type Evidence, isFault, type Reply, type Verdict, verdictOf, type Witness } from './verdict.ts';
