// The check of the import table must be able to fail: a small house with one breach of each kind.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { checkImports } from "../scripts/check-imports.ts";
import { temporaryDirectory } from "./lab/temporary.ts";

async function house(t: TestContext, files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const directory = await temporaryDirectory(t);
  await Promise.all(
    Object.entries(files).map(async ([name, text]) => {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), text);
    }),
  );
  return checkImports(directory);
}

test("what the table allows passes", async (t) => {
  const complaints = await house(t, {
    "base/result.ts": "export const one = 1;\n",
    "address/domain.ts": 'import { one } from "../base/result.ts";\nexport const two = one;\n',
    "proto/smtp/server.ts": 'import {\n  two,\n} from "../../address/domain.ts";\nexport const three = two;\n',
    "io/clock.ts": "export interface Clock {}\n",
    "observe/events.ts": "export interface Observer {}\n",
    "spool/spool.ts": 'import type { Observer } from "../observe/events.ts";\nexport type Watched = Observer;\n',
    "store/store.ts": "export interface Store {}\n",
    "store/memory/store.ts": 'import type { Store } from "../store.ts";\nexport type Memory = Store;\n',
    "main/server.ts": 'import "../proto/smtp/server.ts";\nimport "../store/memory/store.ts";\n',
    "queue/due.test.ts": 'import "node:fs";\nimport "../io/clock.ts";\n',
  });
  assert.deepEqual(complaints, []);
});

const breaches: readonly {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly complaint: RegExp;
}[] = [
  {
    name: "a room that the table does not open",
    files: { "spool/a.ts": 'import "../queue/b.ts";\n', "queue/b.ts": "" },
    complaint: /^spool\/a\.ts:1: imports queue\/b\.ts, but spool\/ may not import queue\//,
  },
  {
    name: "an import over several lines, told at its beginning",
    files: { "spool/a.ts": '\nimport {\n  one,\n} from "../queue/b.ts";\n', "queue/b.ts": "" },
    complaint: /^spool\/a\.ts:2: /,
  },
  {
    name: "a re-export",
    files: { "address/a.ts": 'export { one } from "../io/b.ts";\n', "io/b.ts": "" },
    complaint: /address\/ may not import io\//,
  },
  {
    name: "an import() at run time",
    files: { "address/a.ts": 'const b = await import("../io/b.ts");\n', "io/b.ts": "" },
    complaint: /address\/ may not import io\//,
  },
  {
    name: "main, which nothing imports",
    files: { "control/a.ts": 'import "../main/b.ts";\n', "main/b.ts": "" },
    complaint: /nothing imports main\//,
  },
  {
    name: "events as more than a type",
    files: { "spool/a.ts": 'import { events } from "../observe/events.ts";\n', "observe/events.ts": "" },
    complaint: /spool\/ may not import observe\//,
  },
  {
    name: "events in a core, even as a type",
    files: { "proto/a.ts": 'import type { Observer } from "../observe/events.ts";\n', "observe/events.ts": "" },
    complaint: /proto\/ may not import observe\//,
  },
  {
    name: "an implementation of the store",
    files: { "directory/a.ts": 'import "../store/sqlite/b.ts";\n', "store/sqlite/b.ts": "" },
    complaint: /interfaces of store\/ only/,
  },
  {
    name: "a room that is not in the table",
    files: { "utils/a.ts": 'import "../base/b.ts";\n', "base/b.ts": "" },
    complaint: /utils\/ is not in the table/,
  },
  {
    name: "a core that reads files",
    files: { "verdict/a.ts": 'import { readFile } from "node:fs/promises";\n' },
    complaint: /verdict\/a\.ts:1: a core imports node:fs\/promises/,
  },
  {
    name: "a core with a timer",
    files: { "queue/a.ts": "// setTimeout(later) in a comment is none\nsetTimeout(later, 1);\n" },
    complaint: /^queue\/a\.ts:2: a core uses a timer/,
  },
  {
    name: "a core that looks at the clock",
    files: { "proto/a.ts": "const now = Date.now();\n" },
    complaint: /a core uses a clock/,
  },
  {
    name: "a cycle, through a test as well",
    files: {
      "io/a.ts": 'import "./b.ts";\n',
      "io/b.ts": 'import "./c.test.ts";\n',
      "io/c.test.ts": 'import "./a.ts";\n',
    },
    complaint: /^cycle: io\/a\.ts → io\/b\.ts → io\/c\.test\.ts → io\/a\.ts$/,
  },
];

for (const { name, files, complaint } of breaches) {
  test(`refused: ${name}`, async (t) => {
    const complaints = await house(t, files);
    assert.equal(complaints.length, 1, complaints.join("\n"));
    assert.match(complaints[0] ?? "", complaint);
  });
}
