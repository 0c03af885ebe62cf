// What is wrong with a configuration and where: one value per problem, with file, line and column as editors
// count them (from 1, columns in UTF-16 units). Problems are collected, so that one run shows them all.

/** A place in a file. Lines and columns start at 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface ConfigProblem extends Place {
  readonly message: string;
  /** What to do about it, when that can be said. */
  readonly hint?: string;
}

/** `file:line:column: message (hint)`, which terminals and editors turn into a link. */
export function formatProblem(problem: ConfigProblem): string {
  const hint = problem.hint === undefined ? "" : ` (${problem.hint})`;
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}${hint}`;
}

export function problemAt(place: Place, message: string, hint?: string): ConfigProblem {
  const { file, line, column } = place;
  return hint === undefined ? { file, line, column, message } : { file, line, column, message, hint };
}

/** `line:column`, with the file in front when it is another one than the reader already looks at. */
export function formatPlace(place: Place, from: Place): string {
  const position = `${place.line}:${place.column}`;
  return place.file === from.file ? `line ${position}` : `${place.file}:${position}`;
}
