// Installs the locked dependencies (Node 24 is one of them) when they are missing or stale.
// Plain JavaScript, for it must run on the old Node that a distribution ships (18 and later).
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const stamp = join(root, "node_modules", ".sekimori-stamp");
const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== wanted) {
  const install = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: "inherit",
  });
  if (install.status !== 0) process.exit(install.status ?? 1);
  // `npx sekimori` looks in node_modules/.bin.
  mkdirSync(join(root, "node_modules", ".bin"), { recursive: true });
  const link = join(root, "node_modules", ".bin", "sekimori");
  if (!existsSync(link)) symlinkSync("../../bin/sekimori", link);
  // Written last: an interrupted install is repeated.
  writeFileSync(stamp, wanted);
}
