// Foreign programs for tests: taken from PATH, otherwise downloaded as Debian packages and unpacked (never
// installed) under .cache/debian/. Nothing outside that folder changes. What cannot be had is a value with its
// reason, so that a test can be skipped honestly.

import { existsSync, globSync } from "node:fs";
import { access, constants, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile, readFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { runProgram } from "./child.ts";

export type ProgramName =
  | "bird"
  | "capirca"
  | "curl"
  | "exabgp"
  | "freeradius"
  | "gsasl"
  | "haproxy"
  | "ip"
  | "named-compilezone"
  | "neomutt"
  | "nft"
  | "nsd"
  | "nsd-checkzone"
  | "dovecot"
  | "exim4"
  | "msmtp"
  | "nfpcapd"
  | "opensmtpd"
  | "policyd-rate-limit"
  | "postfix"
  | "postfwd"
  | "python3"
  | "radclient"
  | "rbldnsd"
  | "redis-server"
  | "saslpasswd2"
  | "smtp-sink"
  | "smtp-source"
  | "strace"
  | "swaks";

export type Program =
  | {
      readonly kind: "found";
      /** The executable. */
      readonly path: string;
      /** What it needs in its environment. */
      readonly environment: Readonly<Record<string, string>>;
      /** Root of the unpacked tree; undefined when the program is installed on the machine. */
      readonly tree: string | undefined;
    }
  | { readonly kind: "absent"; readonly reason: string };

interface Source {
  /** Packages unpacked into one tree; the first gives the tree its name. None: it must be installed. */
  readonly packages: readonly string[];
  /** The executable in the tree. */
  readonly path: string;
  /** An installed copy is as good. Postfix's is not: its configuration belongs to the machine. */
  readonly installed: "use" | "ignore";
  /** A run that shows whether it can do what tests want of it, and what is missing otherwise. */
  readonly proof?: { readonly parameters: readonly string[]; readonly output: RegExp; readonly otherwise: string };
}

const freeradius = ["freeradius", "freeradius-common", "freeradius-utils"] as const;

const sources: Readonly<Record<ProgramName, Source>> = {
  bird: { packages: ["bird2"], path: "usr/sbin/bird", installed: "use" },
  // Written in Python: run it with python3, which finds its modules by the environment.
  capirca: {
    packages: ["python3-capirca", "python3-absl", "python3-ply", "python3-six", "python3-yaml"],
    path: "usr/bin/aclgen",
    installed: "ignore",
  },
  // Perl and Python: policy servers of Postfix, run with their interpreters.
  postfwd: {
    packages: ["postfwd", "libnet-server-perl", "libnet-dns-perl", "libio-multiplex-perl"],
    path: "usr/sbin/postfwd1",
    installed: "ignore",
  },
  "redis-server": { packages: ["redis-tools", "redis-server"], path: "usr/bin/redis-server", installed: "use" },
  "policyd-rate-limit": {
    packages: ["policyd-rate-limit", "python3-yaml"],
    path: "usr/bin/policyd-rate-limit",
    installed: "ignore",
  },
  curl: { packages: ["curl"], path: "usr/bin/curl", installed: "use" },
  gsasl: { packages: ["gsasl"], path: "usr/bin/gsasl", installed: "use" },
  haproxy: { packages: ["haproxy"], path: "usr/sbin/haproxy", installed: "use" },
  ip: { packages: ["iproute2"], path: "bin/ip", installed: "use" },
  nft: { packages: ["nftables"], path: "usr/sbin/nft", installed: "use" },
  // Written in Python: run it with python3.
  exabgp: { packages: ["exabgp", "python3-exabgp"], path: "usr/sbin/python3-exabgp", installed: "use" },
  // Each with the other, so that they have one tree. An installed server has the machine's configuration.
  freeradius: { packages: freeradius, path: "usr/sbin/freeradius", installed: "ignore" },
  radclient: { packages: freeradius, path: "usr/bin/radclient", installed: "ignore" },
  "named-compilezone": {
    packages: ["bind9-utils", "bind9-libs"],
    path: "usr/bin/named-compilezone",
    installed: "use",
  },
  nsd: { packages: ["nsd"], path: "usr/sbin/nsd", installed: "use" },
  "nsd-checkzone": { packages: ["nsd"], path: "usr/sbin/nsd-checkzone", installed: "use" },
  rbldnsd: { packages: ["rbldnsd"], path: "usr/sbin/rbldnsd", installed: "use" },
  // The part with the most libraries; the others lie beside it. An installed one has the machine's configuration.
  dovecot: {
    packages: ["dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd", "dovecot-core"],
    path: "usr/lib/dovecot/auth",
    installed: "ignore",
  },
  exim4: { packages: ["exim4-daemon-light"], path: "usr/sbin/exim4", installed: "ignore" },
  msmtp: { packages: ["msmtp"], path: "usr/bin/msmtp", installed: "use" },
  neomutt: { packages: ["neomutt"], path: "usr/bin/neomutt", installed: "use" },
  // With nfdump, beside it.
  nfpcapd: { packages: ["nfdump"], path: "usr/bin/nfpcapd", installed: "use" },
  // An installed one has the machine's users and spool.
  opensmtpd: { packages: ["opensmtpd"], path: "usr/sbin/smtpd", installed: "ignore" },
  postfix: { packages: ["postfix"], path: "usr/lib/postfix/sbin/master", installed: "ignore" },
  // With the modules that look into what it writes: they need not be installed.
  saslpasswd2: {
    packages: ["sasl2-bin", "libsasl2-modules", "libsasl2-modules-db"],
    path: "usr/sbin/saslpasswd2",
    installed: "ignore",
  },
  python3: { packages: [], path: "usr/bin/python3", installed: "use" },
  "smtp-sink": { packages: ["postfix"], path: "usr/sbin/smtp-sink", installed: "use" },
  "smtp-source": { packages: ["postfix"], path: "usr/sbin/smtp-source", installed: "use" },
  strace: { packages: ["strace"], path: "usr/bin/strace", installed: "use" },
  // TLS in swaks is an optional Perl module.
  swaks: {
    packages: ["swaks", "libnet-ssleay-perl"],
    path: "usr/bin/swaks",
    installed: "use",
    proof: {
      parameters: ["--support"],
      output: /=== TLS supported/,
      otherwise: "cannot do TLS: Net::SSLeay and the perl package are needed",
    },
  },
};

const cache = join(import.meta.dirname, "../../.cache/debian");
/** How long a failed download is believed, so that an offline run does not wait for each test file anew. */
const failureLife = 10 * 60_000;

const known = new Map<ProgramName, Promise<Program>>();

/** Looks once per process. */
export function findProgram(name: ProgramName): Promise<Program> {
  const found = known.get(name) ?? look(name).then((program) => proven(name, program));
  known.set(name, found);
  return found;
}

async function look(name: ProgramName): Promise<Program> {
  const source = sources[name];
  if (source.installed === "use") {
    const path = await onPath(name);
    if (path !== undefined) return { kind: "found", path, environment: {}, tree: undefined };
  }
  const [main] = source.packages;
  if (main === undefined) return { kind: "absent", reason: `program absent: ${name}: not on PATH` };
  const tree = join(cache, main);
  if (!existsSync(tree)) {
    const failure = await unpackOnce(source, tree);
    if (failure !== undefined) return { kind: "absent", reason: `program absent: ${name}: ${failure}` };
  }
  return { kind: "found", path: join(tree, source.path), environment: environmentOf(tree), tree };
}

async function proven(name: ProgramName, program: Program): Promise<Program> {
  const { proof } = sources[name];
  if (proof === undefined || program.kind === "absent") return program;
  const { path, environment } = program;
  const { stdout } = await runProgram({
    program: path,
    parameters: proof.parameters,
    environment,
    milliseconds: 10_000,
  });
  return proof.output.test(stdout)
    ? program
    : { kind: "absent", reason: `program absent: ${name}: ${proof.otherwise}` };
}

async function onPath(name: string): Promise<string | undefined> {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  for (const folder of folders) {
    if (folder === "") continue;
    const path = join(folder, name);
    // oxlint-disable-next-line no-await-in-loop -- the order of PATH decides
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Unpacks into a private folder and renames: several test files may do so at once, and one of them wins. */
async function unpackOnce(source: Source, tree: string): Promise<string | undefined> {
  const marker = `${tree}.failed`;
  const age = await stat(marker).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => Infinity,
  );
  if (age < failureLife) return (await readFile(marker, "utf8")).trim();
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, "work-"));
  try {
    const failure = await unpack(source, work);
    if (failure !== undefined) {
      await writeFile(marker, `${failure}\n`);
      return failure;
    }
    await rename(join(work, "tree"), tree).catch((error: unknown) => {
      if (!existsSync(tree)) throw error;
    });
    return undefined;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function unpack(source: Source, work: string): Promise<string | undefined> {
  if ((await onPath("apt-get")) === undefined) return "not on PATH, and no apt-get to fetch it with";
  if ((await onPath("dpkg")) === undefined) return "not on PATH, and no dpkg to unpack it with";
  const tree = join(work, "tree");
  await mkdir(tree);
  const asked = new Set<string>();
  let wanted: readonly string[] = source.packages;
  let first = true;
  // The packages asked for, then the libraries they depend on, for as long as something does not load.
  while (wanted.length > 0) {
    for (const name of wanted) asked.add(name);
    // oxlint-disable-next-line no-await-in-loop -- each round depends on the one before
    const failure = await download(wanted, work);
    if (failure !== undefined && first) return failure;
    first = false;
    // oxlint-disable-next-line no-await-in-loop
    const depends = await extractAll(work, tree);
    // oxlint-disable-next-line no-await-in-loop
    const missing = await missingLibraries(join(tree, source.path), environmentOf(tree));
    wanted = missing.length === 0 ? [] : depends.filter((name) => isLibrary(name) && !asked.has(name));
    if (missing.length > 0 && wanted.length === 0) return `libraries not found: ${missing.join(", ")}`;
  }
  return undefined;
}

/** Not the C library: the machine's own is there, and two of them do not mix. */
function isLibrary(name: string): boolean {
  return name.startsWith("lib") && !["libc6", "libgcc-s1", "libcrypt1"].includes(name);
}

/** apt-get download into `work`; with package lists of our own where the machine has none. */
async function download(names: readonly string[], work: string): Promise<string | undefined> {
  const common = ["-q", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1"];
  if (process.getuid?.() === 0) common.push("-o", "APT::Sandbox::User=root");
  const lists = join(cache, "lists");
  const own = ["-o", `Dir::State::Lists=${lists}`, "-o", `Dir::Cache=${join(cache, "apt")}`];
  const apt = (parameters: readonly string[]): ReturnType<typeof runProgram> =>
    runProgram({
      program: "apt-get",
      parameters: [...common, ...parameters],
      cwd: work,
      environment: { LC_ALL: "C" },
      milliseconds: 120_000,
    });
  try {
    const plain = await apt(["download", ...names]);
    if (plain.code === 0) return undefined;
    await mkdir(join(lists, "partial"), { recursive: true });
    await mkdir(join(cache, "apt/archives/partial"), { recursive: true });
    const update = await apt([...own, "update"]);
    const second = await apt([...own, "download", ...names]);
    if (second.code === 0) return undefined;
    const said = `${plain.stderr}\n${update.stderr}\n${second.stderr}`
      .split("\n")
      .find((line) => line.startsWith("E:"));
    return `apt-get download failed: ${said ?? "no message"}`;
  } catch (error) {
    return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
  }
}

/** Unpacks and removes every .deb in `work`; returns the names they depend on. */
async function extractAll(work: string, tree: string): Promise<string[]> {
  const names: string[] = [];
  for (const file of await readdir(work)) {
    if (!file.endsWith(".deb")) continue;
    const deb = join(work, file);
    const options = { milliseconds: 60_000, environment: { LC_ALL: "C" } };
    // oxlint-disable-next-line no-await-in-loop -- one tree, one writer
    await runProgram({ program: "dpkg", parameters: ["-x", deb, tree], ...options });
    // oxlint-disable-next-line no-await-in-loop
    const field = await runProgram({ program: "dpkg-deb", parameters: ["-f", deb, "Depends"], ...options });
    for (const clause of field.stdout.split(/[,|]/)) {
      const name = /^\s*([a-z0-9][a-z0-9+.-]+)/.exec(clause)?.[1];
      if (name !== undefined) names.push(name);
    }
    // oxlint-disable-next-line no-await-in-loop
    await rm(deb);
  }
  return names;
}

async function missingLibraries(path: string, environment: Readonly<Record<string, string>>): Promise<string[]> {
  // ldd refuses scripts; they have no libraries of their own.
  const { stdout } = await runProgram({ program: "ldd", parameters: [path], environment, milliseconds: 10_000 });
  return [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] ?? "");
}

/** Where the tree keeps shared libraries and the modules of Perl and Python. */
function environmentOf(tree: string): Readonly<Record<string, string>> {
  const libraries = new Set(
    globSync("{usr/,}lib/**/*.so{,.*}", { cwd: tree }).map((file) => join(tree, dirname(file))),
  );
  const perl = globSync("usr/{share/perl5,lib/*/perl5/*}", { cwd: tree }).map((folder) => join(tree, folder));
  const python = join(tree, "usr/lib/python3/dist-packages");
  return {
    ...(existsSync(python) ? { PYTHONPATH: python } : {}),
    ...(libraries.size > 0 ? { LD_LIBRARY_PATH: [...libraries].join(":") } : {}),
    ...(perl.length > 0 ? { PERL5LIB: perl.join(":") } : {}),
  };
}
