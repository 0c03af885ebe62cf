// The real server in the lab: the provider's MSA and a stranger's MX, each `sekimori serve` in the namespace of its host,
// configured as anybody would. Their files are in the world's own /run and go with it.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { outputOf } from "../../io/program.ts";
import { addressOf } from "./topology.ts";
import type { LabHost } from "./topology.ts";

export interface LabServers {
  /** By address. */
  readonly passwords: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

interface LabServer {
  readonly host: LabHost;
  readonly accounts: readonly string[];
  readonly config: string;
}

const everywhere = (port: number): string => `["0.0.0.0:${port}", "[::]:${port}"]`;

const servers: readonly LabServer[] = [
  {
    host: "msa",
    accounts: ["alice@isp-a.example", "bob@isp-a.example", "mallory@isp-a.example"],
    config: `
hostname = "msa.isp-a.example"
[[domain]]
name = "isp-a.example"
postmaster = "alice@isp-a.example"
[[listener]]
role = "submission"
listen = ${everywhere(587)}
[[listener]]
role = "submission"
listen = ${everywhere(465)}
tls = "implicit"
[limits.account]
recipients = ["4/1h"]
attempts = ["100/1h"]
[[route]]
domain = "stranger.example"
host = "${addressOf("mx", 4)}"
`,
  },
  {
    host: "mx",
    accounts: ["carol@stranger.example"],
    config: `
hostname = "mx.stranger.example"
[[domain]]
name = "stranger.example"
postmaster = "carol@stranger.example"
[[listener]]
role = "mx"
listen = ${everywhere(25)}
[[listener]]
role = "pop3"
listen = ${everywhere(995)}
tls = "implicit"
`,
  },
];

/** On a machine that does ten other things a start takes half a minute. */
const patience = 120_000;

/** `program` is the file that starts the command line. */
export async function startServers(program: string): Promise<LabServers> {
  const passwords = new Map<string, string>();
  const running: ChildProcess[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(running.map(stop));
  };
  const started = await Promise.allSettled(
    servers.map(async (server) => {
      const child = await prepare(server, program, passwords);
      running.push(child);
      await ready(server.host, child);
    }),
  );
  const failed = started.find((each) => each.status === "rejected");
  if (failed === undefined) return { passwords, close };
  await close();
  throw failed.reason;
}

/** Its accounts are made, and it is started. */
async function prepare(
  { host, accounts, config }: LabServer,
  program: string,
  passwords: Map<string, string>,
): Promise<ChildProcess> {
  const directory = `/run/lab/${host}`;
  await mkdir(`${directory}/state`, { recursive: true, mode: 0o700 });
  const file = `${directory}/sekimori.toml`;
  const common = `version = 1\nstate-directory = "${directory}/state"\nhttp.listen = []\nprocess.mail-threads = 1\n`;
  // Nobody answers for names in this world; asking must end soon.
  await writeFile(file, `${common}dns = { servers = ["127.0.0.1:53"], timeout = "200ms" }\n${config}`);
  const sekimori = ["--disable-warning=ExperimentalWarning", program];
  for (const address of accounts) {
    const password = randomBytes(12).toString("base64url");
    passwords.set(address, password);
    // oxlint-disable-next-line no-await-in-loop -- one writer
    await outputOf({
      program: process.execPath,
      parameters: [...sekimori, "account", "add", address, "--config", file],
      input: `${password}\n`,
      milliseconds: patience,
    });
  }
  return spawn("ip", ["netns", "exec", host, process.execPath, ...sekimori, "serve", "--config", file], {
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function ready(host: LabHost, child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    const alarm = setTimeout(() => reject(new Error(`the server in ${host} is not ready: ${said}`)), patience);
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (said += text));
    createInterface({ input: child.stdout! }).on("line", (line) => {
      said += `${line}\n`;
      if (!/^ready\b/.test(line)) return;
      clearTimeout(alarm);
      resolve();
    });
    child.once("error", reject);
    child.once("close", (code) => reject(new Error(`the server in ${host} ended with ${code}: ${said}`)));
  });
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once("close", () => resolve());
    // What is not delivered yet is nobody's.
    child.kill("SIGKILL");
  });
}
