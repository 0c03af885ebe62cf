// `node bench/storage/run.ts [runs]`: measures and writes bench/RESULTS-storage.md.

import { writeFile } from "node:fs/promises";
import { benchStorage, storageMarkdown } from "./bench.ts";

const table = await benchStorage(Number(process.argv[2] ?? 9));
await writeFile(new URL("../RESULTS-storage.md", import.meta.url), storageMarkdown(table));
