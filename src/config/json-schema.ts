// The schema for editors: JSON Schema 2020-12, with completion, descriptions and warnings while one types. Add
// `#:schema <file>` to the top of a sekimori.toml for Even Better TOML and taplo. Only keywords that every draft since 7 has,
// as editors lag behind; `x-taplo` is taplo's own and ignored by others.

import { schema } from "./schema.ts";
import type { Key, Keys, ValueType, Written } from "./types.ts";

export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

export function jsonSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "sekimori.toml",
    description: "Configuration of Sekimori",
    ...tableSchema(schema.keys),
    required: ["version"],
    anyOf: [{ required: requiredOf(schema.keys).filter((key) => key !== "version") }, { required: ["network"] }],
  };
}

function tableSchema(keys: Keys): JsonSchema {
  const entries = Object.entries(keys);
  const required = requiredOf(keys);
  return {
    type: "object",
    properties: Object.fromEntries(entries.map(([name, key]) => [name, keySchema(key)])),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  };
}

function requiredOf(keys: Keys): readonly string[] {
  return Object.entries(keys).flatMap(([name, key]) => (key.required === true ? [name] : []));
}

function keySchema(key: Key): JsonSchema {
  const otherwise = key.otherwise === undefined ? "" : ` When left out: ${key.otherwise}.`;
  return {
    description: `${key.meaning}${otherwise}`,
    ...typeSchema(key.type),
    // A default that is only "the defaults of what is inside" says nothing.
    ...(key.default === undefined || isEmptyTable(key.default) ? {} : { default: key.default }),
    ...(key.example === undefined ? {} : { examples: [key.example] }),
  };
}

function isEmptyTable(written: Written): boolean {
  return typeof written === "object" && !Array.isArray(written) && Object.keys(written).length === 0;
}

const durationPattern = "^(\\d+(w|d|h|ms|m|s))+$";

/** Patterns are looser than the readers: an editor should catch slips, not argue. */
function typeSchema(type: ValueType): JsonSchema {
  switch (type.kind) {
    case "boolean":
      return { type: "boolean" };
    case "integer":
      return { type: "integer", minimum: type.minimum, maximum: type.maximum };
    case "duration":
      return { type: "string", pattern: durationPattern };
    case "size":
      return { type: "string", pattern: "^\\d+ ?([kKMGTP]i?)?B$" };
    case "window":
      return { type: "string", pattern: `^\\d+${type.size === true ? " ?([kKMGTP]i?)?B" : ""}/(\\d+(w|d|h|ms|m|s))+$` };
    case "choice": {
      const [names, meanings] = [Object.keys(type.values), Object.values(type.values)];
      return { type: "string", enum: names, "x-taplo": { docs: { enumValues: meanings } } };
    }
    case "endpoint":
      return {
        type: "string",
        pattern: type.port === undefined ? "^(\\d+(\\.\\d+){3}|\\[[0-9a-fA-F:.]+\\]):\\d+$" : "^[\\[0-9a-fA-F]",
      };
    case "ip":
      return { type: "string", pattern: "^[0-9a-fA-F:.]+$" };
    case "prefix":
      return { type: "string", pattern: "^[0-9a-fA-F:.]+(/\\d+)?$" };
    case "date":
      return {
        type: "string",
        pattern: "^\\d{4}-\\d{2}-\\d{2}([Tt ]\\d{2}:\\d{2}(:\\d{2})?([Zz]|[+-]\\d{2}:\\d{2}))?$",
      };
    case "offset":
      return { type: "string", pattern: "^[+-]\\d{2}:\\d{2}$" };
    case "name":
      return { type: "string", pattern: "^[a-z][a-z0-9-]{0,23}$" };
    case "address":
      return { type: "string", pattern: "@" };
    case "domain":
    case "host":
    case "socket":
    case "selector":
    case "path":
    case "pattern":
    case "text":
      return { type: "string", minLength: 1 };
    case "secret":
      return {
        type: "object",
        properties: {
          file: { type: "string", minLength: 1, description: "A file with the secret as its only line, mode 600." },
          environment: {
            type: "string",
            minLength: 1,
            description: "Name of the environment variable that holds the secret.",
          },
        },
        minProperties: 1,
        maxProperties: 1,
        additionalProperties: false,
      };
    case "list": {
      const items = typeSchema(type.of);
      const minimum = type.minimum === 0 ? {} : { minItems: type.minimum };
      const list = { type: "array", items, ...minimum };
      return type.alone === true ? { anyOf: [items, list] } : list;
    }
    case "map":
      return { type: "object", additionalProperties: typeSchema(type.of) };
    case "table":
      return tableSchema(type.keys);
  }
}
