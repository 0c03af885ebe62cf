// What commands print: tables for people, JSON for programs. The only place that writes to the terminal.

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  // JSON escapes C0 by itself; DEL and C1 mean something to terminals as well.
  print(
    JSON.stringify(value, undefined, 2).replaceAll(
      /[\x7f-\x9f]/g,
      (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
    ),
  );
}

/** Columns as wide as their widest cell; control characters from strangers do not reach the terminal. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [header, ...rows].map((row) => row.map(printable));
  const widths = header.map((_name, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  for (const line of lines) {
    print(
      line
        .map((cell, column) => (column === header.length - 1 ? cell : cell.padEnd(widths[column]!)))
        .join("  ")
        .trimEnd(),
    );
  }
}

export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what must not pass
  return text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, "?");
}
