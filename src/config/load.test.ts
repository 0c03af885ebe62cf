// What is accepted and what it becomes: examples, includes, secrets, the demonstration.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { formatAddress } from "../address/address.ts";
import { demoSettings, loadSettings } from "./load.ts";
import type { LoadedSettings } from "./load.ts";
import { formatProblem } from "./problem.ts";
import { showEffective } from "./show.ts";
import type { Environment } from "./files.ts";

const minimal = `version = 1
hostname = "mx.example.jp"

[[domain]]
name = "example.jp"
postmaster = "alice@example.jp"

[[listener]]
role = "mx"
listen = ["127.0.0.1:2525"]
`;

function include(path: string): string {
  return minimal.replace("\n\n", `\ninclude = ["${path}"]\n\n`);
}

function withPassword(password: string): string {
  return `${minimal}[delivery]\nsmarthost = { host = "192.0.2.1", username = "u", password = ${password} }\n`;
}

function load(path: string, environment: Environment = {}): LoadedSettings {
  const loaded = loadSettings(path, environment);
  assert.ok(loaded.ok, loaded.ok ? "" : loaded.error.map(formatProblem).join("\n"));
  return loaded.value;
}

/** Problems, with the folder taken away. */
function problems(path: string, environment: Environment = {}): readonly string[] {
  const loaded = loadSettings(path, environment);
  assert.ok(!loaded.ok, "expected problems");
  return loaded.error.map((problem) => formatProblem(problem).replaceAll(join(path, "../"), ""));
}

await describe("loadSettings", async () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "sekimori-config-"));
  });
  after(() => rmSync(directory, { recursive: true }));

  let count = 0;
  /** Writes the files into a folder of their own; gives the path of the first. */
  const site = (files: Readonly<Record<string, string | Buffer>>): string => {
    const root = join(directory, `${count++}`);
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(root, name, ".."), { recursive: true });
      writeFileSync(join(root, name), text, { mode: 0o600 });
    }
    return join(root, Object.keys(files)[0] ?? "");
  };

  await it("fills in every default of a minimal file", () => {
    const path = site({ "sekimori.toml": minimal });
    const { settings, files } = load(path);
    assert.deepEqual(files, [path]);
    assert.equal(settings.state, "/var/lib/sekimori");
    assert.deepEqual(settings.log, { level: "info", directory: "/var/lib/sekimori/log", stdout: false });
    assert.deepEqual(settings.tls, { kind: "self-signed", directory: "/var/lib/sekimori/tls" });
    assert.deepEqual(settings.http.listen, [{ address: "127.0.0.1", port: 2080 }]);
    assert.equal(settings.listeners[0]?.tls, "starttls");
    assert.equal(settings.smtp.messageSize, 35 * 2 ** 20);
    assert.equal(settings.smtp.timeout, 300_000);
    assert.deepEqual(settings.limits, {
      standard: {
        recipients: [
          { name: "1h", length: 3_600_000, recipients: 200 },
          { name: "1d", length: 86_400_000, recipients: 1000 },
        ],
        attempts: [
          { name: "1h", length: 3_600_000, recipients: 400 },
          { name: "1d", length: 86_400_000, recipients: 2000 },
        ],
        messages: [],
        newRecipients: [],
        bytes: [],
        recipientsPerMessage: 1000,
        over: "defer",
        foreignSender: "refuse",
        contentChecks: false,
        identityHeader: "none",
        ramp: { length: 0, share: 20 },
      },
      plans: new Map(),
      domain: [],
      domainRamp: { length: 0, share: 20 },
      client: {
        connections: 50,
        connectionRate: [],
        messages: [],
        recipients: [],
        authFailures: [{ name: "1h", length: 3_600_000, recipients: 100 }],
        fail: "closed",
        exempt: [
          { address: "127.0.0.0", length: 8 },
          { address: "::1", length: 128 },
        ],
      },
    });
    assert.deepEqual(
      settings.delivery.retry.map((wait) => wait / 60_000),
      [5, 15, 30, 60, 120, 240],
    );
    assert.deepEqual(settings.dns, { servers: [], timeout: 10_000 });
  });

  await it("derives what the role or a user name implies", () => {
    const { settings } = load(
      site({
        "sekimori.toml": `${minimal}
[[listener]]
role = "pop3"
listen = ["127.0.0.1:2995"]
[delivery]
smarthost = { host = "smtp.example.net", username = "relay", password = { environment = "RELAY" } }
[[route]]
domain = "example.org"
host = "[2001:DB8:0::25]"
[limits.account]
recipients = ["10/90m"]
`,
      }),
      { RELAY: "open sesame" },
    );
    assert.equal(settings.listeners[1]?.tls, "implicit");
    assert.deepEqual(settings.delivery.smarthost, {
      host: "smtp.example.net",
      port: 587,
      protocol: "smtp",
      tls: "required",
      auth: { username: "relay", password: "open sesame" },
    });
    const [route] = settings.delivery.routes.values();
    assert.deepEqual(route, {
      host: "2001:db8::25",
      port: 25,
      protocol: "smtp",
      tls: "opportunistic",
      auth: undefined,
    });
    assert.deepEqual(settings.limits.standard.attempts, [{ name: "1h30m", length: 5_400_000, recipients: 20 }]);
  });

  await it("brings names into the form of the DNS and alias keys into lower case", () => {
    const { settings } = load(
      site({
        "sekimori.toml": `version = 1
hostname = "MX.例え.jp"
[[domain]]
name = "例え.jp"
postmaster = "Alice@例え.jp"
[domain.aliases]
Info = "alice@例え.jp"
"\\"two words\\"" = ["alice@例え.jp"]
[[listener]]
role = "mx"
listen = ["[0:0::1]:2525"]
`,
      }),
    );
    assert.equal(settings.hostname, "mx.xn--r8jz45g.jp");
    const [domain] = settings.domains;
    assert.equal(domain?.name, "xn--r8jz45g.jp");
    assert.deepEqual([...(domain?.aliases.keys() ?? [])], ["info", "two words"]);
    assert.deepEqual(settings.listeners[0]?.endpoints, [{ address: "::1", port: 2525 }]);
  });

  await describe("includes", async () => {
    await it("joins lists of tables in order and takes other values from any one file", () => {
      const path = site({
        "sekimori.toml": minimal.replace("\n\n", '\ninclude = ["tls.toml", "conf.d/*.toml"]\n\n'),
        "tls.toml": "version = 1\n[smtp]\nrecipients = 500\n",
        "conf.d/b.toml": "[smtp]\nerrors = 5\n",
        "conf.d/a.toml": '[log]\ndirectory = "log"\n[[domain]]\nname = "example.org"\npostmaster = "bob@example.jp"\n',
        "conf.d/.hidden.toml": "nonsense",
        "conf.d/a.toml.bak": "nonsense",
      });
      const { settings, files } = load(path);
      const root = join(path, "..");
      assert.deepEqual(
        files.map((file) => file.slice(root.length + 1)),
        ["sekimori.toml", "tls.toml", "conf.d/a.toml", "conf.d/b.toml"],
      );
      assert.deepEqual(
        settings.domains.map(({ name }) => name),
        ["example.jp", "example.org"],
      );
      assert.equal(settings.smtp.recipients, 500);
      assert.equal(settings.smtp.errors, 5);
      assert.equal(settings.log.directory, join(root, "conf.d/log"));
    });

    await it("takes a pattern that matches nothing, but not a missing file or folder", () => {
      assert.equal(load(site({ "sekimori.toml": include("*.conf") })).files.length, 1);
      assert.deepEqual(problems(site({ "sekimori.toml": include("no.toml") })), [
        'sekimori.toml:3:12: "no.toml" does not exist',
      ]);
      assert.deepEqual(problems(site({ "sekimori.toml": include("conf.d/*.toml") })), [
        'sekimori.toml:3:12: "conf.d" does not exist',
      ]);
      assert.deepEqual(problems(site({ "sekimori.toml": include("*/a.toml") })), [
        'sekimori.toml:3:12: "*/a.toml" has a wildcard in a directory (only in the last part of the path)',
      ]);
    });

    await it("takes brackets in a pattern for brackets", () => {
      const path = site({
        "sekimori.toml": minimal.replace("\n\n", '\ninclude = ["[a]?.toml"]\n\n'),
        "[a]1.toml": "[smtp]\nerrors = 7\n",
        "a1.toml": "nonsense",
      });
      assert.equal(load(path).settings.smtp.errors, 7);
    });

    await it("names both places when a value is set twice", () => {
      const path = site({
        "sekimori.toml": `${minimal.replace("\n\n", '\ninclude = ["more.toml"]\n\n')}[smtp]\nerrors = 9\n`,
        "more.toml": 'hostname = "mx.example.org"\nhttp.listen = []\nsmtp = { errors = 8 }\n',
      });
      assert.deepEqual(problems(path), [
        'more.toml:1:1: "hostname" is already set at sekimori.toml:2:1',
        'more.toml:3:10: "errors" is already set at sekimori.toml:13:1',
      ]);
    });

    await it("refuses a loop, and a file that is included twice", () => {
      const path = site({
        "sekimori.toml": minimal.replace("\n\n", '\ninclude = ["a.toml", "b.toml"]\n\n'),
        "a.toml": 'include = ["b.toml"]\n',
        "b.toml": 'include = ["a.toml"]\n',
      });
      assert.deepEqual(problems(path), [
        'sekimori.toml:3:22: "b.toml" is included twice',
        'b.toml:1:12: "a.toml" includes itself: a.toml → b.toml → a.toml',
      ]);
    });

    await it("looks at the version of every file and believes nothing in a newer one", () => {
      const path = site({
        "sekimori.toml": minimal.replace("\n\n", '\ninclude = ["more.toml"]\n\n'),
        "more.toml": 'version = 2\nwhatever = "x"\n',
      });
      const message =
        "more.toml:1:11: the file is written in version 2 of the format, this program reads version 1 (use a newer Sekimori)";
      assert.deepEqual(problems(path), [message]);
    });
  });

  await describe("secrets", async () => {
    await it("reads one line from a file that only its owner can read", () => {
      const path = site({ "sekimori.toml": withPassword('{ file = "relay" }'), relay: "p4ss word\n" });
      assert.equal(load(path).settings.delivery.smarthost?.auth?.password, "p4ss word");
    });

    await it("never shows one, neither in the effective values nor in a problem", () => {
      const path = site({ "sekimori.toml": withPassword('{ file = "relay" }'), relay: "p4ssword" });
      const shown = showEffective(load(path).settings);
      assert.match(shown, /^password = "\(secret\)"$/m);
      assert.doesNotMatch(shown, /p4ssword/);
      for (const written of ['"p4ssword"', "['p4ssword']", '{ value = "p4ssword" }', '{ file = ["p4ssword"] }']) {
        assert.doesNotMatch(problems(site({ "sekimori.toml": withPassword(written) })).join("\n"), /p4ssword/);
      }
    });

    await it("refuses a literal and says why", () => {
      assert.deepEqual(problems(site({ "sekimori.toml": withPassword('"p4ssword"') })), [
        "sekimori.toml:12:62: a secret does not stand in the configuration itself, which gets copied, shown and backed up " +
          '(write { file = "…" } or { environment = "NAME" })',
      ]);
    });

    await it("refuses a file that others can read, is not there, is empty or has several lines", () => {
      const path = site({ "sekimori.toml": withPassword('{ file = "relay" }'), relay: "p4ssword" });
      chmodSync(join(path, "../relay"), 0o640);
      assert.deepEqual(problems(path), [
        'sekimori.toml:12:71: "relay" is open to others than its owner (mode 640) (chmod 600)',
      ]);
      for (const [content, complaint] of [
        ["", "is empty"],
        ["a\nb\n", "has more than one line"],
        [Buffer.from([0xff]), "is not text in UTF-8"],
      ] as const) {
        const bad = site({ "sekimori.toml": withPassword('{ file = "relay" }'), relay: content });
        assert.deepEqual(problems(bad), [`sekimori.toml:12:71: "relay" ${complaint}`]);
      }
      assert.deepEqual(problems(site({ "sekimori.toml": withPassword('{ file = "no" }') })), [
        'sekimori.toml:12:71: "no" does not exist',
      ]);
    });

    await it("refuses an environment variable that is not set or empty, and more than one place", () => {
      const path = site({ "sekimori.toml": withPassword('{ environment = "RELAY" }') });
      assert.deepEqual(problems(path), ['sekimori.toml:12:78: environment variable "RELAY" is not set']);
      assert.deepEqual(problems(path, { RELAY: "" }), ['sekimori.toml:12:78: environment variable "RELAY" is empty']);
      assert.deepEqual(problems(site({ "sekimori.toml": withPassword('{ file = "a", environment = "B" }') })), [
        'sekimori.toml:12:62: a secret is kept in exactly one place (write { file = "…" } or { environment = "NAME" })',
      ]);
      assert.deepEqual(problems(site({ "sekimori.toml": withPassword('{ flie = "a" }') })), [
        'sekimori.toml:12:64: unknown key "flie" (did you mean "file"?)',
      ]);
    });
  });

  await it("wants the certificate and its key to be there, the key not for everybody", () => {
    const path = site({ "sekimori.toml": `${minimal}[tls]\ncertificate = "crt"\nkey = "key"\n`, crt: "", key: "" });
    const root = join(path, "..");
    assert.deepEqual(load(path).settings.tls, {
      kind: "files",
      certificate: join(root, "crt"),
      key: join(root, "key"),
      nextKey: undefined,
    });
    chmodSync(join(root, "key"), 0o604);
    rmSync(join(root, "crt"));
    assert.deepEqual(problems(path), [
      'sekimori.toml:12:15: "crt" does not exist',
      'sekimori.toml:13:7: "key" is open to everybody (mode 604) (chmod 600)',
    ]);
  });

  await it("says so when the file itself cannot be read", () => {
    assert.deepEqual(problems(join(directory, "no.toml")), ["no.toml:1:1: the configuration file does not exist"]);
    assert.match(problems(directory)[0] ?? "", /:1:1: the configuration file is a directory$/);
    assert.deepEqual(problems(site({ "sekimori.toml": Buffer.from("version = 1 # \xe9", "latin1") })), [
      "sekimori.toml:1:1: the configuration file is not text in UTF-8",
    ]);
  });
});

await describe("the files in etc/", async () => {
  await it("the example is a configuration", () => {
    const loaded = loadSettings(fileURLToPath(new URL("../../etc/example.toml", import.meta.url)), {});
    assert.ok(loaded.ok, loaded.ok ? "" : loaded.error.map(formatProblem).join("\n"));
    const ports = loaded.value.settings.listeners.map(({ role, tls, endpoints }) => [role, tls, endpoints[0]?.port]);
    assert.deepEqual(ports, [
      ["submission", "starttls", 587],
      ["submission", "implicit", 465],
      ["mx", "starttls", 25],
      ["pop3", "implicit", 995],
    ]);
  });

  await it("the demonstration keeps all its state where it is told and stays on loopback", () => {
    const settings = demoSettings("/somewhere/var");
    assert.equal(settings.state, "/somewhere/var");
    assert.equal(settings.log.directory, "/somewhere/var/log");
    assert.equal(settings.domains[0]?.dkim?.keyFile, "/somewhere/var/dkim/sekimori.test.demo.pem");
    const [domain] = settings.domains;
    assert.ok(domain !== undefined);
    assert.equal(formatAddress(domain.postmaster), "alice@sekimori.test");
    const endpoints = [...settings.http.listen, ...settings.listeners.flatMap((listener) => listener.endpoints)];
    assert.deepEqual(new Set(endpoints.map(({ address }) => address)), new Set(["127.0.0.1"]));
    assert.deepEqual(
      endpoints.map(({ port }) => port),
      [2080, 2587, 2465, 2525, 2995],
    );
  });
});
