// The process of smtp-server.ts. Its options are the first argument.

import { fdatasync, openSync, readFileSync, write } from "node:fs";
import type { Readable } from "node:stream";
import { createRequire } from "node:module";

export interface ReceiverOptions {
  readonly address: string;
  readonly port: number;
  /** Folder of the package. */
  readonly library: string;
  readonly hostname: string;
  readonly file: string;
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  readonly account: { readonly address: string; readonly password: string };
}

type Done = (error: Error | null, value?: unknown) => void;
interface Library {
  readonly SMTPServer: new (options: object) => {
    on(name: "error", listener: () => void): void;
    listen(port: number, address: string, ready: () => void): void;
  };
}

const options = JSON.parse(process.argv[2] ?? "{}") as ReceiverOptions;
const { SMTPServer } = createRequire(import.meta.url)(options.library) as Library;
const file = openSync(options.file, "a", 0o600);
const { tls, account } = options;

const server = new SMTPServer({
  ...(tls === undefined
    ? { hideSTARTTLS: true }
    : { cert: readFileSync(tls.certificate), key: readFileSync(tls.key), minVersion: "TLSv1.3" }),
  name: options.hostname,
  authOptional: tls === undefined,
  disableReverseLookup: true,
  maxClients: 100_000,
  socketTimeout: 600_000,
  onAuth: ({ username, password }: Readonly<Record<string, string>>, _session: object, done: Done) =>
    username === account.address && password === account.password
      ? done(null, { user: username })
      : done(new Error("wrong")),
  onData: (stream: Readable, session: { readonly envelope: object }, done: Done) => {
    const parts: Uint8Array[] = [Buffer.from(`${JSON.stringify(session.envelope)}\n`)];
    stream.on("data", (chunk: Buffer) => parts.push(chunk));
    stream.on("end", () =>
      write(file, Buffer.concat(parts), (failure) =>
        failure === null ? fdatasync(file, (unsynced) => done(unsynced, "queued")) : done(failure),
      ),
    );
  },
});
server.on("error", () => undefined);
server.listen(options.port, options.address, () => console.log("ready"));
