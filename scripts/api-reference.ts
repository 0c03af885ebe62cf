// docs/reference/api.md and openapi.json from the document that the API itself serves.

import { apiDocument } from "../src/admin/api.ts";
import { problems } from "../src/admin/problems.ts";
import { version } from "../src/cli/version.ts";
import { formatJson } from "../src/config/reference.ts";

const introduction = `# API

HTTP on \`[http] listen\`, by default \`127.0.0.1:2080\`; how to use it is in [its guide](../guide/api.md). Bodies are JSON. Every request needs
\`Authorization: Bearer TOKEN\`, but for \`/api/openapi.json\` (OpenAPI 3.1; also [here](openapi.json)) and the explanations of problems. Lists come in
pages: \`limit\` and \`after\`, which is the \`next\` of the page before; \`total\` counts all. This page is made from the document of the API by
\`node scripts/reference.ts\`.
`;

const problemsIntroduction = `## Problems

What is not done is told as \`application/problem+json\` (RFC 9457): \`type\`, \`title\`, \`status\`, \`code\`, and where there is more to say
\`detail\` and \`errors\` (each with \`at\`: a JSON Pointer into the body, the name of a parameter, or file:line:column). Codes stay the same;
words do not.
`;

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly description?: string;
  readonly format?: string;
}

interface Operation {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly description: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema: Schema;
    readonly description?: string;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

export function apiPages(): ReadonlyMap<string, string> {
  const document = apiDocument(version());
  return new Map([
    ["docs/reference/api.md", apiPage(document)],
    // As it is served: what is undefined is not there.
    ["docs/reference/openapi.json", `${formatJson(JSON.parse(JSON.stringify(document)), "")}\n`],
  ]);
}

function apiPage(document: ReturnType<typeof apiDocument>): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as src/admin makes them; a missing field would show on the page
    Object.entries(methods as Record<string, Operation>).map(
      ([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const,
    ),
  );
  const sections = (document.tags ?? []).map(({ name, description = "" }) => {
    const own = operations.filter(([, { tags }]) => tags.includes(name));
    return `## ${capital(name)}\n\n${description}\n\n${own.map(operationText).join("\n")}`;
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- likewise
  const schemas = Object.entries((document.components?.schemas ?? {}) as Record<string, Schema>).map(schemaText);
  const codes = Object.entries(problems).map(
    ([code, { status, title, meaning }]) => `| \`${code}\` | ${status} | ${title} ${meaning} |`,
  );
  return [
    introduction,
    ...sections,
    `## Values\n\n${schemas.join("\n")}`,
    `${problemsIntroduction}\n| code | status | meaning |\n|---|---|---|\n${codes.join("\n")}\n`,
  ].join("\n");
}

function operationText([title, operation]: readonly [string, Operation]): string {
  const { summary, description, parameters = [], requestBody, responses } = operation;
  const rows = parameters.map(({ name, in: where, required, schema, description: words = "" }) => {
    const fact = [where, required === true ? "required" : "", typeText(schema)]
      .filter((part) => part !== "")
      .join(", ");
    return `- \`${name}\` (${fact})${words === "" ? "" : `: ${words}`}`;
  });
  const body = contentText(requestBody?.content);
  if (body !== "") rows.push(`- body: ${body}`);
  for (const [status, { description: words, content }] of Object.entries(responses)) {
    const what = status.startsWith("2") ? contentText(content) : "";
    rows.push(`- ${status}: ${[words, what].filter((part) => part !== "").join(" ")}`);
  }
  return `### \`${title}\`\n\n${summary}. ${description}\n\n${rows.join("\n")}\n`;
}

function contentText(content: Content | undefined): string {
  return Object.values(content ?? {})
    .map(({ schema }) => typeText(schema))
    .join(", ");
}

function schemaText([name, schema]: readonly [string, Schema]): string {
  if (schema.properties === undefined) return `### ${name}\n\n${typeText(schema)}\n`;
  const rows = Object.entries(schema.properties).map(([key, value]) => {
    const optional = schema.required?.includes(key) === true ? "" : ", optional";
    return `- \`${key}\`: ${typeText(value)}${optional}${value.description === undefined ? "" : `. ${value.description}`}`;
  });
  return `### ${name}\n\n${rows.join("\n")}\n`;
}

function typeText(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1) ?? "";
    return `[${name}](#${name.toLowerCase()})`;
  }
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`"${word}"\``).join(" or ");
  const either = schema.oneOf ?? schema.anyOf;
  if (either !== undefined) return either.map(typeText).join(" or ");
  if (schema.items !== undefined) return `list of ${typeText(schema.items)}`;
  if (schema.properties !== undefined) {
    const inner = Object.entries(schema.properties).map(([key, value]) => `\`${key}\`: ${typeText(value)}`);
    return `{ ${inner.join(", ")} }`;
  }
  return schema.format ?? (typeof schema.type === "string" ? schema.type : (schema.type ?? ["anything"]).join(" or "));
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
