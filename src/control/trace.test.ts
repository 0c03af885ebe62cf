import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { EventFields, EventName, Observer } from "../observe/events.ts";
import { createLog } from "../observe/log.ts";
import { logFiles, readTwice } from "./log-search.ts";
import { trace } from "./trace.ts";

interface Log {
  readonly directory: string;
  /** As the server would write it, into the file of that day. */
  readonly on: (day: string) => Observer;
  readonly raw: (day: string, text: string) => void;
}

function withLog(work: (log: Log) => void): () => void {
  return () => {
    const directory = mkdtempSync(join(tmpdir(), "sekimori-trace-"));
    const append = (day: string, text: string): void =>
      writeFileSync(join(directory, `${day}.jsonl`), text, { flag: "a" });
    try {
      work({ directory, raw: append, on: (day) => createLog("debug", { write: (line) => append(day, line) }) });
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
}

const peer = { session: "s1", listener: "submission", client: "192.0.2.7", port: 50_000 };

function accepted(
  message: string,
  more: Partial<EventFields["message.accepted"]> = {},
): EventFields["message.accepted"] {
  return {
    ...peer,
    message,
    messageId: `<${message}@sekimori.test>`,
    sender: "alice@sekimori.test",
    recipients: ["bob@example.jp"],
    size: 100,
    facts: ["EHLO laptop"],
    ...more,
  };
}

function delivered(message: string): EventFields["delivery.delivered"] {
  return { message, recipients: ["bob@example.jp"], destination: "mx.example.jp", reply: "250 ok", milliseconds: 3 };
}

function ids(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from }, (_each, index) => `id${from + index}`);
}

function events(directory: string, question: string): readonly (readonly [string, readonly string[]])[] {
  return trace(directory, question).stories.map(({ subject, steps }) => [subject, steps.map(({ event }) => event)]);
}

test(
  "a message is found by its Message-ID, with and without brackets, by its queue id and by an address",
  withLog(({ directory, on }) => {
    const log = on("2026-11-20");
    log.emit("message.accepted", accepted("id1"));
    log.emit("message.accepted", accepted("id2", { messageId: "<other@x>", recipients: ["carol@example.jp"] }));
    log.emit("delivery.delivered", delivered("id1"));
    const story = [["id1", ["message.accepted", "delivery.delivered"]]];
    for (const question of ["<id1@sekimori.test>", "id1@sekimori.test", "id1", "bob@example.jp"]) {
      assert.deepEqual(events(directory, question), story, question);
    }
    assert.deepEqual(
      events(directory, "alice@sekimori.test").map(([subject]) => subject),
      ["id1", "id2"],
      "oldest first",
    );
    assert.deepEqual(trace(directory, "nobody@example.jp"), { stories: [], more: false });
  }),
);

test(
  "a story goes on over midnight, whichever day names the question",
  withLog(({ directory, on }) => {
    on("2026-11-20").emit("message.accepted", accepted("id1"));
    on("2026-11-21").emit("delivery.delivered", delivered("id1"));
    const story = [["id1", ["message.accepted", "delivery.delivered"]]];
    assert.deepEqual(events(directory, "alice@sekimori.test"), story, "named on the first day");
    assert.deepEqual(events(directory, "mx.example.jp"), story, "named on the second day");
    assert.deepEqual(
      logFiles(directory).map((file) => file.slice(-16)),
      ["2026-11-21.jsonl", "2026-11-20.jsonl"],
    );
  }),
);

test(
  "each file is read once, and twice only where the log is larger than what is kept of it",
  withLog(({ directory, on }) => {
    on("2026-11-20").emit("message.accepted", accepted("id1"));
    for (const day of ["2026-11-21", "2026-11-22"])
      on(day).emit("delivery.started", { message: "id1", attempt: 1, destination: "mx" });
    on("2026-11-23").emit("delivery.delivered", delivered("id1"));
    const readsWith = (kept: number): readonly string[] => {
      const reads: string[] = [];
      const report: string[] = [];
      const read = readTwice(kept, (file) => {
        reads.push(file.slice(-8, -6));
        return readFileSync(file);
      });
      const { stories } = trace(
        directory,
        "alice@sekimori.test",
        (done, total) => report.push(`${done}/${total}`),
        read,
      );
      assert.equal(stories[0]?.steps.length, 4);
      assert.deepEqual([report.length, report.at(-1)], [8, "8/8"]);
      return reads;
    };
    assert.deepEqual(readsWith(2 ** 20), ["23", "22", "21", "20"]);
    assert.deepEqual(readsWith(0), ["23", "22", "21", "20", "20", "21", "22", "23"]);
  }),
);

test(
  "the report about a message belongs to its story and has one of its own",
  withLog(({ directory, on }) => {
    const log = on("2026-11-20");
    log.emit("message.accepted", accepted("id1"));
    log.emit("delivery.failed", { ...delivered("id1"), status: "5.1.1", reply: "550 no" });
    log.emit("message.created", {
      message: "id9",
      messageId: "<id9@x>",
      recipients: ["alice@sekimori.test"],
      about: "id1",
    });
    log.emit("delivery.delivered", delivered("id9"));
    const stories = new Map(events(directory, "id1"));
    assert.deepEqual(stories.get("id1"), ["message.accepted", "delivery.failed", "message.created"]);
    assert.deepEqual(stories.get("id9"), ["message.created", "delivery.delivered"]);
  }),
);

test(
  "what never became a message is told by its session",
  withLog(({ directory, on }) => {
    const log = on("2026-11-20");
    log.emit("session.opened", peer);
    log.emit("recipient.refused", {
      ...peer,
      reason: "recipient.no-relay",
      reply: "550 5.7.1 relaying denied",
      sender: "",
      recipient: "bob@example.jp",
    });
    const [story] = trace(directory, "bob@example.jp").stories;
    assert.equal(story?.subject, "s1");
    assert.match(
      story?.steps[1]?.text ?? "",
      /refused: 550 5\.7\.1 relaying denied \[recipient\.no-relay\] A stranger asked/,
    );
  }),
);

test(
  "quotes, backslashes and other scripts in the question are found as the log has them",
  withLog(({ directory, on }) => {
    const log = on("2026-11-20");
    for (const sender of ['"a\\"b"@example.jp', "back\\slash@example.jp", "関守@例え.jp", "tab\there@example.jp"]) {
      log.emit("message.accepted", accepted("id1", { sender, messageId: "<m@x>" }));
      assert.deepEqual(
        events(directory, sender).map(([subject]) => subject),
        ["id1"],
        sender,
      );
    }
  }),
);

test(
  "a line cut short by a crash is passed over, as are lines that are no events and files that are no log",
  withLog(({ directory, on, raw }) => {
    on("2026-11-20").emit("message.accepted", accepted("id1"));
    raw("2026-11-20", 'null\n"id1"\n{"id1":1}\n\nid1\n');
    on("2026-11-20").emit("delivery.delivered", delivered("id1"));
    raw("2026-11-20", '{"level":"info","time":"2026-11-20T10:00:00.000Z","message":"id1","eve');
    raw("notes", '{"time":"x","event":"x","message":"id1"}\n');
    assert.deepEqual(events(directory, "id1"), [["id1", ["message.accepted", "delivery.delivered"]]]);
  }),
);

test(
  "a line of another version, with other fields, is told as it is",
  withLog(({ directory, raw }) => {
    raw(
      "2026-11-20",
      '{"time":"t","event":"message.accepted","message":"id1"}\n{"time":"t","event":"new.one","message":"id1"}\n',
    );
    assert.deepEqual(
      trace(directory, "id1").stories[0]?.steps.map(({ text }) => text),
      ['{"message":"id1"}', '{"message":"id1"}'],
    );
  }),
);

test(
  "at most twenty stories, the newest, and word that there are more",
  withLog(({ directory, on }) => {
    const fill = (day: string, from: number, to: number): void => {
      for (let index = from; index < to; index++) on(day).emit("message.accepted", accepted(`id${index}`));
    };
    fill("2026-11-20", 100, 110);
    fill("2026-11-21", 110, 120);
    const ask = (): readonly [readonly string[], boolean] => {
      const { stories, more } = trace(directory, "alice@sekimori.test");
      return [stories.map(({ subject }) => subject), more];
    };
    assert.deepEqual(ask(), [ids(100, 120), false]);
    on("2026-11-21").emit("delivery.delivered", { ...delivered("id105"), recipients: ["alice@sekimori.test"] });
    assert.equal(ask()[1], false, "a message named on two days is one story");
    fill("2026-11-22", 120, 130);
    const [subjects, more] = ask();
    assert.deepEqual([subjects.length, more], [20, true]);
    assert.ok(ids(110, 130).filter((id) => subjects.includes(id)).length >= 19);
  }),
);

test(
  "exactly twenty in the newest file do not hide that older ones have more",
  withLog(({ directory, on }) => {
    on("2026-11-20").emit("message.accepted", accepted("old"));
    for (let index = 0; index < 20; index++) on("2026-11-21").emit("message.accepted", accepted(`id${index}`));
    const { stories, more } = trace(directory, "alice@sekimori.test");
    assert.deepEqual([stories.length, more], [20, true]);
  }),
);

test(
  "an empty question and an absent log have empty answers",
  withLog(({ directory, on }) => {
    on("2026-11-20").emit("message.accepted", accepted("id1"));
    assert.deepEqual(trace(directory, ""), { stories: [], more: false });
    assert.deepEqual(trace(join(directory, "absent"), "id1"), { stories: [], more: false });
  }),
);

test(
  "every event about a message or a session is told in words, not as fields",
  withLog(({ directory, on }) => {
    const decision = { reason: "sender.not-owned", reply: "550 no", evidence: "sender x" };
    const told: { readonly [Name in EventName]?: EventFields[Name] } = {
      "session.opened": peer,
      "session.closed": { ...peer, commands: 1, messages: 2, cause: "client" },
      "session.secured": { ...peer, protocol: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" },
      "session.refused": { ...peer, ...decision },
      "auth.succeeded": { ...peer, account: "alice@sekimori.test", mechanism: "PLAIN" },
      "auth.failed": { ...peer, ...decision, account: "", mechanism: "PLAIN" },
      "sender.accepted": { ...peer, sender: "" },
      "sender.refused": { ...peer, ...decision, sender: "x@y" },
      "recipient.accepted": { ...peer, ...decision, sender: "", recipient: "x@y" },
      "recipient.refused": { ...peer, ...decision, sender: "", recipient: "x@y" },
      "message.refused": { ...peer, ...decision, message: "", sender: "", recipients: ["x@y"] },
      "message.accepted": accepted("id1"),
      "message.created": { message: "id9", messageId: "<id9@x>", recipients: ["x@y"], about: "id1" },
      "message.recovered": { message: "id1", recipients: ["a@b", "b@b", "c@b", "d@b", "e@b", "f@b", "g@b"] },
      "message.deleted": { message: "id1", by: "operator" },
      "delivery.started": { message: "id1", attempt: 1, destination: "mx" },
      "delivery.delivered": { ...delivered("id1"), tls: "TLSv1.3" },
      "delivery.deferred": { ...delivered("id1"), next: "2026-11-20T10:00:00.000Z" },
      "delivery.failed": { ...delivered("id1"), status: "5.1.1" },
      "bounce.dropped": { message: "id1", recipients: ["x@y"], reply: "550" },
      "mailbox.opened": { ...peer, account: "x@y", messages: 1, octets: 2 },
      "mailbox.read": { ...peer, account: "x@y", file: "f" },
      "mailbox.deleted": { ...peer, account: "x@y", messages: 1 },
      "queue.changed": { change: "retry", message: "id1", by: "operator" },
    };
    const log = on("2026-11-20");
    for (const [name, fields] of Object.entries(told)) log.emit(name as EventName, fields);
    const steps = [...trace(directory, "s1").stories, ...trace(directory, "id1").stories].flatMap((each) => each.steps);
    assert.deepEqual(new Set(steps.map(({ event }) => event)), new Set(Object.keys(told)));
    for (const { event, text } of steps) assert.doesNotMatch(text, /^\{|undefined/, event);
    assert.ok(steps.some(({ text }) => text.includes("<e@b> and 2 more")));
  }),
);
