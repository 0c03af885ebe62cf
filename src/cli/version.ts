// The version in package.json, which stands beside src/ wherever the program is installed.

import { readFileSync } from "node:fs";

export function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed === "object" && parsed !== null && "version" in parsed) return String(parsed.version);
  return "unknown";
}
