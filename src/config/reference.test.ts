// What is made from the schema: the page, the JSON Schema, and that the schema itself is sound.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { failure } from "../base/result.ts";
import { checkTree } from "./check.ts";
import { jsonSchema } from "./json-schema.ts";
import { generatedFiles, keyReference, referencePage } from "./reference.ts";
import { schema } from "./schema.ts";
import { formatToml } from "./show.ts";
import { readTree, treeOf } from "./tree.ts";
import type { Keys, ValueType, Written } from "./types.ts";

/** Every key with the tables it stands in. */
function allKeys(
  keys: Keys,
  path: readonly string[] = [],
): readonly (readonly [path: readonly string[], key: Keys[string]])[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    const table = tableOf(key.type);
    const here = [...path, name];
    return [[here, key] as const, ...(table === undefined ? [] : allKeys(table, here))];
  });
}

function tableOf(type: ValueType): Keys | undefined {
  if (type.kind === "list" || type.kind === "map") return tableOf(type.of);
  return type.kind === "table" ? type.keys : undefined;
}

function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, step) => {
    assert.ok(typeof inner === "object" && inner !== null, `no ${step}`);
    return new Map<string, unknown>(Object.entries(inner)).get(`${step}`);
  }, value);
}

await describe("the reference of one key", async () => {
  for (const [path, { meaning }] of allKeys(schema.keys)) {
    await it(`is there for ${path.join(".")}`, () => {
      const found = keyReference(path.join("."));
      assert.ok(found.kind === "page" && found.text.includes(meaning));
    });
  }

  await it("takes a heading as it is written, and knows what was meant", () => {
    assert.equal(keyReference("[[listener]]").kind, "page");
    assert.deepEqual(keyReference("smtp.mesage-size"), { kind: "unknown", near: "smtp.message-size" });
    assert.deepEqual(keyReference("constructor"), { kind: "unknown", near: undefined });
  });
});

await describe("the schema", async () => {
  for (const [path, key] of allKeys(schema.keys)) {
    const name = path.join(".");
    await it(`${name}: says what it means in whole sentences`, () => {
      assert.match(key.meaning, /^[A-Z`].*[.]$/s);
      assert.ok(key.default === undefined || key.otherwise === undefined, "either a default or words for it");
      assert.ok(key.required === undefined || (key.default === undefined && key.otherwise === undefined));
    });

    for (const [what, written] of [
      ["default", key.default],
      ["example", key.example],
    ] as const) {
      if (written === undefined || tableOf(key.type) !== undefined || key.type.kind === "secret") continue;
      await it(`${name}: its ${what} is a good value`, () => assert.deepEqual(problemsOf(path, written), []));
    }
  }
});

function missing(): ReturnType<typeof failure<string>> {
  return failure("does not exist");
}

/** Problems of one value, where the rest of the file may be missing. */
function problemsOf(path: readonly string[], written: Written): readonly string[] {
  const [outer = ""] = path;
  if (outer === "version" || outer === "include") return [];
  const root = readTree("", "/etc/sekimori.toml");
  assert.ok(root.ok);
  /** Tables, and lists of one table where the schema has lists. */
  const nest = (keys: Keys, [name = "", ...rest]: readonly string[]): Written => {
    if (rest.length === 0) return { [name]: written };
    const { type } = keys[name]!;
    const value = nest(tableOf(type)!, rest);
    return { [name]: type.kind === "list" ? [value] : type.kind === "map" ? { example: value } : value };
  };
  const whole = treeOf(nest(schema.keys, path), root.value.place);
  assert.ok(whole.kind === "table");
  root.value.entries.set(outer, whole.entries.get(outer)!);
  const sources = { read: missing, list: missing, mode: missing, environment: {} };
  const { problems } = checkTree(root.value, sources);
  return problems.map(({ message }) => message).filter((message) => !message.endsWith("is missing"));
}

await describe("the reference page", async () => {
  for (const [path, text] of generatedFiles()) {
    await it(`${path} is current`, () => {
      let kept = "";
      try {
        kept = readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
      } catch {
        // Missing is as stale as it gets.
      }
      assert.ok(kept === text, "stale: run `node_modules/.bin/node src/config/reference.ts`");
    });
  }

  await it("has every key, with its default", () => {
    const page = referencePage();
    for (const [path, key] of allKeys(schema.keys)) {
      if (tableOf(key.type) === undefined) assert.ok(page.includes(`### \`${path.at(-1)}\`\n`), path.join("."));
      else assert.match(page, new RegExp(`^## \`\\[+${path.join(".")}\\]+\`$`, "m"));
      if (key.default !== undefined && tableOf(key.type) === undefined) {
        assert.ok(page.includes(`default \`${formatToml(key.default)}\``), path.join("."));
      }
    }
  });
});

await describe("the JSON Schema", async () => {
  const json = jsonSchema();

  await it("declares its draft and closes every table", () => {
    assert.equal(at(json, "$schema"), "https://json-schema.org/draft/2020-12/schema");
    assert.equal(at(json, "additionalProperties"), false);
    assert.equal(at(json, "properties", "listener", "items", "additionalProperties"), false);
    assert.deepEqual(at(json, "required"), ["version"]);
    assert.deepEqual(at(json, "anyOf"), [{ required: ["hostname", "domain", "listener"] }, { required: ["network"] }]);
  });

  await it("knows the words, bounds and defaults of the schema", () => {
    const smtp = ["properties", "smtp", "properties"];
    assert.deepEqual(at(json, "properties", "listener", "items", "properties", "role", "enum"), [
      "submission",
      "legacy",
      "substitute",
      "mx",
      "pop3",
    ]);
    assert.equal(at(json, ...smtp, "errors", "maximum"), 10_000);
    assert.equal(at(json, ...smtp, "errors", "default"), 20);
    assert.equal(at(json, ...smtp, "timeout", "default"), "5m");
  });

  await it("has patterns that take every default and example", () => {
    for (const [path, key] of allKeys(schema.keys)) {
      const entry = at(json, ...stepsTo(path));
      const pattern =
        at(entry, "pattern") ?? (at(entry, "items") === undefined ? undefined : at(entry, "items", "pattern"));
      if (typeof pattern !== "string") continue;
      for (const written of [key.default, key.example]) {
        const texts = (Array.isArray(written) ? written : [written]).filter((text) => typeof text === "string");
        for (const text of texts) assert.match(text, new RegExp(pattern), path.join("."));
      }
    }
  });

  function stepsTo(path: readonly string[]): readonly string[] {
    return path.flatMap((name, index) => {
      const outer = index === 0 ? json : at(json, ...stepsTo(path.slice(0, index)));
      const inner = ["items", "additionalProperties"].filter((step) => typeof at(outer, step) === "object");
      return [...(index === 0 ? [] : inner), "properties", name];
    });
  }

  await it("takes secrets only from one place, never as text", () => {
    const password = ["properties", "route", "items", "properties", "password"];
    assert.equal(at(json, ...password, "type"), "object");
    assert.equal(at(json, ...password, "maxProperties"), 1);
  });
});
