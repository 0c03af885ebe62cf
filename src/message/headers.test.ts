import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  countFields,
  defaultHeaderLimits,
  editHeaders,
  fieldsNamed,
  headerOctets,
  rawValue,
  readHeaders,
  sliceContent,
  unfoldedValue,
  type HeaderSection,
} from "./headers.ts";

const octets = (text: string): Uint8Array => Buffer.from(text, "latin1");
const textOf = (content: readonly Uint8Array[]): string => Buffer.concat(content).toString("latin1");

function read(text: string): HeaderSection {
  const result = readHeaders([octets(text)]);
  assert.ok(result.ok);
  return result.value;
}

function valueOf(section: HeaderSection, key: string): string | undefined {
  const [field] = fieldsNamed(section, key);
  return field && unfoldedValue(section, field);
}

/** Cuts at the given places, with empty chunks in between. */
function cut(content: Uint8Array, places: readonly number[]): Uint8Array[] {
  const borders = [0, ...places.map((place) => place % (content.length + 1)).toSorted((a, b) => a - b), content.length];
  return borders.slice(1).map((end, index) => content.subarray(borders[index], end));
}

test("fields are read with name, folded value and place; the body is left alone", () => {
  const section = read("Subject: one\r\n two\r\nTO:bob@example.jp\r\nto: \r\n\r\nNot: a field\r\n");
  assert.deepEqual(
    section.fields.map(({ name, key }) => [name, key]),
    [
      ["Subject", "subject"],
      ["TO", "to"],
      ["to", "to"],
    ],
  );
  const [subject] = section.fields;
  assert.ok(subject);
  assert.equal(rawValue(section, subject), " one\r\n two");
  assert.equal(unfoldedValue(section, subject), "one two");
  assert.equal(section.text.slice(subject.start, subject.end), "Subject: one\r\n two\r\n");
  assert.equal(countFields(section, "to"), 2);
  assert.equal(section.defect, undefined);
  assert.equal(headerOctets(section).length + 2, section.bodyStart);
});

test("a message without a body, without a header section or without anything is read", () => {
  assert.equal(valueOf(read("Subject: a\r\n"), "subject"), "a");
  assert.equal(valueOf(read("Subject: a"), "subject"), "a");
  assert.equal(valueOf(read("Subject: a\r\n\r\n"), "subject"), "a");
  assert.deepEqual(read("\r\nSubject: body\r\n").fields, []);
  assert.equal(read("\r\nSubject: body\r\n").bodyStart, 2);
  assert.deepEqual(read("").fields, []);
  const nothing = readHeaders([]);
  assert.ok(nothing.ok && nothing.value.bodyStart === 0);
});

test("lines that are no fields are kept, nameless, and the first is reported", () => {
  const cases = [
    ["From bob Sun Nov 22\r\nTo: a\r\n\r\n", "no-colon", 0],
    ["To: a\r\nhello\r\nX: b\r\n\r\n", "no-colon", 7],
    ["To: a\r\nX Y: b\r\n\r\n", "bad-field-name", 7],
    ["To: a\r\n: b\r\n\r\n", "bad-field-name", 7],
    ["To: a\r\nSübject: b\r\n\r\n", "bad-field-name", 7],
    [" X: b\r\nTo: a\r\n\r\n", "stray-continuation", 0],
    ["To : a\r\n\r\n", "space-before-colon", 0],
    ["To: a\0b\r\nhello\r\n\r\n", "nul", 5],
    ["To: a\r\nhello\r\nX: \0\r\n\r\n", "no-colon", 7],
  ] as const;
  for (const [text, code, offset] of cases) {
    const section = read(text);
    assert.equal(section.defect?.code, code, text);
    assert.equal(section.defect.offset, offset, text);
    assert.equal(section.fields.map(({ start, end }) => section.text.slice(start, end)).join(""), section.text);
  }
});

test("a field cannot hide from checks by white space or a fold before its colon", () => {
  for (const text of ["From : a@b\r\n\r\n", "From\t:a@b\r\n\r\n", "From\r\n : a@b\r\n\r\n"]) {
    assert.equal(valueOf(read(text), "from"), "a@b", text);
    assert.equal(read(text).defect?.code, "space-before-colon");
  }
});

const subjectOfSize = (size: number): string => `S: ${"x".repeat(size - 5)}\r\n`;

test("a header section at the limit passes, one beyond it is an error", () => {
  const limits = { octets: 20, fields: 2 };
  for (const end of ["", "\r\nbody"]) {
    assert.ok(readHeaders([octets(subjectOfSize(20) + end)], limits).ok);
    const large = readHeaders([octets(subjectOfSize(21) + end)], limits);
    assert.ok(!large.ok && large.error.code === "header-too-large");
  }
  assert.ok(readHeaders([octets("A: 1\r\nB: 2\r\n\r\n")], limits).ok);
  const many = readHeaders([octets("A: 1\r\nB: 2\r\nC: 3\r\n\r\n")], limits);
  assert.ok(!many.ok && many.error.code === "too-many-fields");
});

/** Octets that look enough like mail to reach every branch. */
const maillike = fc
  .array(
    fc.oneof(
      fc.constantFrom("\r\n", "\r\n\r\n", "\r\n ", ":", "From", "Received: ", " ", "\t", "\r", "\n", "\0", "\xff", "x"),
      fc.string({ maxLength: 5 }),
    ),
    { maxLength: 40 },
  )
  .map((parts) => Uint8Array.from(octets(parts.join(""))));
const anyContent = fc.oneof(maillike, fc.uint8Array({ maxLength: 200 }));

test("any octets in any chunks give the same section, without a throw", () => {
  const places = fc.array(fc.nat({ max: 500 }), { maxLength: 20 });
  const limits = fc.record({ octets: fc.nat({ max: 120 }), fields: fc.nat({ max: 10 }) });
  fc.assert(
    fc.property(anyContent, places, fc.option(limits, { nil: undefined }), (content, at, limit) => {
      assert.deepEqual(readHeaders(cut(content, at), limit), readHeaders([content], limit));
    }),
    { numRuns: 1000 },
  );
});

test("one octet per chunk is read in linear time", () => {
  const content = octets(`${"X: y\r\n".repeat(1999)}\r\nbody`);
  const result = readHeaders(Array.from(content, (octet) => Uint8Array.of(octet)));
  assert.ok(result.ok && result.value.fields.length === 1999);
});

test("the fields cover the header section without gaps, and the body is what follows it", () => {
  fc.assert(
    fc.property(anyContent, (content) => {
      const result = readHeaders([content]);
      assert.ok(result.ok);
      const { text, fields, bodyStart } = result.value;
      const whole = textOf([content]);
      assert.equal(fields.map(({ start, end }) => text.slice(start, end)).join(""), text);
      assert.ok(whole.startsWith(text));
      assert.ok([text.length, text.length + 2].includes(bodyStart));
      assert.ok(!text.includes("\r\n\r\n"));
    }),
    { numRuns: 1000 },
  );
});

test("fields are removed, put before and put after, and the body is the same memory", () => {
  const body = octets("body\r\n");
  const content = [octets("A: 1\r\nBcc: bob@ex"), octets("ample.jp\r\n\tmore\r\nC: 3\r"), octets("\n\r\n"), body];
  const result = readHeaders(content);
  assert.ok(result.ok);
  const remove = fieldsNamed(result.value, "bcc");
  const edited = editHeaders(content, result.value, { remove, prepend: "T: 0\r\n", append: "Z: 9\r\n" });
  assert.equal(textOf(edited), "T: 0\r\nA: 1\r\nC: 3\r\nZ: 9\r\n\r\nbody\r\n");
  assert.equal(edited.at(-1), body);
  assert.deepEqual(editHeaders(content, result.value, {}), content);
});

const appended = (text: string): string => textOf(editHeaders([octets(text)], read(text), { append: "Z: 9\r\n" }));

test("a field can be appended where there is no empty line or no last line end", () => {
  assert.equal(appended("A: 1\r\n"), "A: 1\r\nZ: 9\r\n");
  assert.equal(appended("A: 1"), "A: 1\r\nZ: 9\r\n");
  assert.equal(appended("\r\nbody"), "Z: 9\r\n\r\nbody");
  assert.equal(appended(""), "Z: 9\r\n");
});

test("continuation lines at the very top cannot continue a field that is put before them", () => {
  const text = " spoofed by mx.example.jp\r\nA: 1\r\n\r\nbody";
  assert.equal(textOf(editHeaders([octets(text)], read(text), { prepend: "T: 0\r\n" })), "T: 0\r\nA: 1\r\n\r\nbody");
});

test("an edit adds what it says and keeps every other field and the body, for any octets in any chunks", () => {
  const places = fc.array(fc.nat({ max: 500 }), { maxLength: 5 });
  fc.assert(
    fc.property(anyContent, places, (content, at) => {
      const chunks = cut(content, at);
      const before = readHeaders(chunks);
      assert.ok(before.ok);
      const edited = editHeaders(chunks, before.value, { prepend: "T: 0\r\n", append: "Z: 9\r\n" });
      const after = readHeaders(edited);
      assert.ok(after.ok);
      const names = before.value.fields.map(({ name }) => name);
      const stray = before.value.text.startsWith(" ") || before.value.text.startsWith("\t");
      assert.deepEqual(
        after.value.fields.map(({ name }) => name),
        ["T", ...(stray ? names.slice(1) : names), "Z"],
      );
      assert.equal(
        textOf(sliceContent(edited, after.value.bodyStart, Infinity)),
        textOf(sliceContent([content], before.value.bodyStart, Infinity)),
      );
    }),
    { numRuns: 1000 },
  );
});

const vectors = new URL("../../../shared/vectors/", import.meta.url);
const corpora = [
  "mime-zbateson",
  "mime-nodemailer-mailparser",
  "mail-bsfilter-japanese",
  "bounces-sisimai",
  "bounces-perl-bounceparser",
];

for (const corpus of corpora) {
  const folder = new URL(`${corpus}/`, vectors);
  const skip = existsSync(folder) ? false : `absent: ../shared/vectors/${corpus}`;
  test(`every file of ${corpus} is read as a message`, { skip }, (context) => {
    let files = 0;
    let defects = 0;
    let refused = 0;
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      // Files end their lines in all ways; the door has only let CRLF pass.
      const text = readFileSync(`${entry.parentPath}/${entry.name}`, "latin1").replace(/\r\n|\r|\n/g, "\r\n");
      files += 1;
      const result = readHeaders([octets(text)]);
      if (!result.ok) {
        // Attachments lie beside the messages.
        assert.ok(!text.slice(0, defaultHeaderLimits.octets).includes("\r\n\r\n"), entry.name);
        refused += 1;
        continue;
      }
      const section = result.value;
      const end = text.indexOf("\r\n\r\n");
      const expected = text.startsWith("\r\n") ? 2 : end < 0 ? text.length : end + 4;
      assert.equal(section.bodyStart, expected, entry.name);
      if (section.defect !== undefined) defects += 1;
    }
    assert.ok(files > 0);
    context.diagnostic(`${files} files, ${defects} with a defect, ${refused} too large`);
  });
}
