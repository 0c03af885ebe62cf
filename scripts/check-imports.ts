// The import table of the house, checked: which room may import which, no cycles, and law 1 (cores have no IO, no
// timers, no clock). Run by `npm run check`, and alone: `node scripts/check-imports.ts`.
// It reads import statements as the formatter leaves them (each begins its line); it does not resolve packages.
// Tests beside the sources may import any room, but take part in no cycle either.

import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

/** Rooms in reading order. `policy` has two floors, since compile and counters may see only one of them. */
const rooms = [
  "base",
  "address",
  "policy/network",
  "policy/mail",
  "config",
  "compile",
  "edge",
  "proto",
  "message",
  "mailauth",
  "directory",
  "verdict",
  "classify",
  "counters",
  "spool",
  "queue",
  "mailbox",
  "ingress",
  "egress",
  "abuse",
  "store",
  "observe",
  "control",
  "admin",
  "cli",
  "io",
  "main",
] as const;
type Room = (typeof rooms)[number];

const policy: readonly Room[] = ["policy/network", "policy/mail"];
/** "All above" in the table; the rooms that touch the world also need io/, which stands below them in reading order. */
function allAbove(room: Room, ...without: readonly Room[]): readonly Room[] {
  return [...rooms.slice(0, rooms.indexOf(room)).filter((above) => !without.includes(above)), "io", "store", "observe"];
}

/** What a room may import besides itself and base/. */
const mayImport: Readonly<Record<Room, readonly Room[]>> = {
  base: [],
  address: [],
  "policy/network": ["address"],
  "policy/mail": ["address"],
  config: [...policy, "address"],
  compile: ["policy/network"],
  edge: ["compile", "policy/network", "io", "store"],
  proto: ["address"],
  message: ["address"],
  mailauth: ["message", "io"],
  // Password hashes and clocks are io; the domains come from the settings.
  directory: ["address", "store", "config", "io"],
  verdict: [...policy, "address"],
  classify: ["message"],
  counters: ["policy/mail"],
  spool: ["io"],
  queue: ["policy/mail"],
  // Paths are made from addresses and nothing else (law 6).
  mailbox: ["io", "address"],
  ingress: allAbove("ingress"),
  egress: allAbove("egress", "ingress"),
  abuse: ["counters", "directory", "observe", "store"],
  // In which order waiting mail gets its turn is the queue's to say.
  store: ["queue"],
  observe: [],
  control: allAbove("control"),
  admin: ["control"],
  cli: ["control"],
  io: [],
  main: rooms,
};

/** Faces and wiring: nothing imports them; main, which knows everything, starts the faces. */
const untouchable: ReadonlySet<Room> = new Set(["main", "cli", "admin"]);

/** Rooms whose import of store/ means its interfaces: the files directly in store/, not an implementation. */
const storeImplementations = /^store\/[^/]+\//;

/** Type-only passages, open to every room but the cores. */
const typePassages: ReadonlySet<string> = new Set([
  // The events a room emits.
  "observe/events.ts",
  // Time is an argument (laws 1 and 12): the interface of what is passed in.
  "io/clock.ts",
  // Calls into the state thread, as a type of promises.
  "io/rpc.ts",
  // How guesses are counted: asked of whoever owns the counts.
  "counters/guesses.ts",
  // What the queue store keeps of a message.
  "spool/message.ts",
]);

/** Law 1. */
const cores: ReadonlySet<Room> = new Set(["proto", "policy/network", "policy/mail", "compile", "verdict", "queue"]);
const bannedModules =
  /^(node:)?(net|tls|dns|dgram|http|https|http2|fs|timers|child_process|worker_threads|cluster|process|os)(\/|$)/;
const bannedGlobals: readonly (readonly [RegExp, string])[] = [
  [/\b(setTimeout|setInterval|setImmediate)\s*\(/, "a timer"],
  [/\bDate\.now\s*\(|\bnew Date\s*\(\s*\)|\bperformance\.now\s*\(/, "a clock"],
  [/\bMath\.random\s*\(|\bcrypto\.(randomBytes|randomUUID|getRandomValues)\s*\(/, "randomness"],
];

/** Passages that the table does not know, each with its reason. */
const exceptions: readonly { readonly from: string; readonly to: string; readonly reason: string }[] = [];

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly line: number;
}

/** Blanks out comments, keeping line numbers. Good enough for code that the formatter has laid out. */
function withoutComments(source: string): string {
  return source
    .replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, " "))
    .replaceAll(/(^|\s)\/\/.*$/gm, "$1");
}

function importsOf(code: string): readonly Import[] {
  const found: Import[] = [];
  const patterns = [
    /^(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm,
    /()\bimport\s*\(\s*"([^"]+)"\s*\)/g,
    // How a worker thread is named: new URL("./thread.ts", import.meta.url).
    /()\bnew URL\(\s*"([^"]+\.ts)"\s*,\s*import\.meta\.url\s*\)/g,
  ];
  for (const pattern of patterns) {
    for (const match of code.matchAll(pattern)) {
      const line = code.slice(0, match.index).split("\n").length;
      found.push({ specifier: match[2] ?? "", typeOnly: (match[1] ?? "") !== "", line });
    }
  }
  return found;
}

function roomOf(file: string): Room | undefined {
  return rooms.find((room) => file.startsWith(`${room}/`));
}

function refusal(from: string, to: string, typeOnly: boolean): string | undefined {
  const own = roomOf(from);
  const other = roomOf(to);
  if (own === undefined) return `${from.split("/")[0]}/ is not in the table of rooms`;
  if (other === undefined) return `${to} is in no room of the table`;
  if (own === other || other === "base") return undefined;
  if (exceptions.some((known) => known.from === from && known.to === to)) return undefined;
  if (typeOnly && typePassages.has(to) && !cores.has(own)) return undefined;
  if (untouchable.has(other) && own !== "main") return `nothing imports ${other}/`;
  if (!mayImport[own].includes(other)) return `${own}/ may not import ${other}/`;
  if (other === "store" && own !== "main" && storeImplementations.test(to)) {
    return `${own}/ may import the interfaces of store/ only`;
  }
  return undefined;
}

function impurities(file: string, code: string, imports: readonly Import[]): readonly string[] {
  const room = roomOf(file);
  if (room === undefined || !cores.has(room)) return [];
  const complaints: string[] = [];
  for (const { specifier, line } of imports) {
    if (bannedModules.test(specifier)) complaints.push(`${file}:${line}: a core imports ${specifier} (law 1)`);
  }
  code.split("\n").forEach((text, index) => {
    for (const [pattern, what] of bannedGlobals) {
      if (pattern.test(text)) complaints.push(`${file}:${index + 1}: a core uses ${what} (law 1)`);
    }
  });
  return complaints;
}

/** Cycles over imports that exist at run time; types may refer to each other. Each cycle is told once. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const told: string[] = [];
  const walk = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      told.push(`cycle: ${[...path.slice(at), file].join(" → ")}`);
      return;
    }
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) walk(next, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) walk(file, []);
  return told;
}

/** Every breach under a source folder, as `file:line: what`. */
export function checkImports(source: string): readonly string[] {
  const complaints: string[] = [];
  const graph = new Map<string, readonly string[]>();
  for (const file of globSync("**/*.ts", { cwd: source }).toSorted()) {
    const code = withoutComments(readFileSync(join(source, file), "utf8"));
    const imports = importsOf(code);
    const isTest = file.endsWith(".test.ts");
    const targets: string[] = [];
    for (const { specifier, typeOnly, line } of imports) {
      if (!specifier.startsWith(".")) continue;
      const target = normalize(join(dirname(file), specifier));
      if (!typeOnly) targets.push(target);
      // Data of the project (package.json) is nobody's room.
      if (target.startsWith("..")) continue;
      const why = isTest ? undefined : refusal(file, target, typeOnly);
      if (why !== undefined) complaints.push(`${file}:${line}: imports ${target}, but ${why}`);
    }
    graph.set(file, targets);
    if (!isTest) complaints.push(...impurities(file, code, imports));
  }
  return [...complaints, ...cycles(graph)];
}

if (import.meta.main) {
  const source = join(import.meta.dirname, "..", "src");
  const complaints = checkImports(source);
  for (const complaint of complaints) console.log(join(relative(process.cwd(), source), complaint));
  process.exitCode = complaints.length === 0 ? 0 : 1;
}
