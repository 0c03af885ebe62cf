// `npm run check`: everything about the code that needs no run of it. All steps run, whatever the earlier ones said;
// the summary comes last. Exit 1 when a step failed.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

const steps: readonly { readonly name: string; readonly command: readonly [string, ...string[]] }[] = [
  { name: "format", command: ["oxfmt", "--check", "."] },
  { name: "lint", command: ["oxlint", "--type-aware"] },
  { name: "types", command: ["tsc", "-p", "."] },
  { name: "unused", command: ["knip", "--config", "scripts/knip.json", "--no-progress"] },
  { name: "imports", command: ["node", "scripts/check-imports.ts"] },
];

const results = steps.map(({ name, command: [program, ...parameters] }) => {
  console.log(`— ${name}: ${[program, ...parameters].join(" ")}`);
  const started = performance.now();
  const { status, error } = spawnSync(join(root, "node_modules/.bin", program), parameters, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error !== undefined) console.log(String(error));
  return { name, passed: status === 0, seconds: (performance.now() - started) / 1000 };
});

console.log("");
for (const { name, passed, seconds } of results) {
  console.log(`${passed ? "✓" : "✗"} ${name} (${seconds.toFixed(1)} s)`);
}
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
